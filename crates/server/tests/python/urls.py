"""The routes of the back end."""

from django.contrib.auth import authenticate
from django.urls import path
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.views import (
    TokenBlacklistView,
    TokenRefreshView,
    TokenVerifyView,
)


class Login(APIView):
    permission_classes = [AllowAny]

    def post(self, request):
        phone, password = request.data.get("phone"), request.data.get("password")
        if not phone:
            return Response({"phone": "휴대폰 번호를 입력하세요"}, status=400)
        if not password:
            return Response({"password": "비밀번호를 입력하세요"}, status=400)
        user = authenticate(request, username=phone, password=password)
        if user is None:
            return Response({"login": "로그인에 실패했습니다."}, status=400)
        refresh = RefreshToken.for_user(user)
        token = {"access": str(refresh.access_token), "refresh": str(refresh)}
        return Response({"user": shown(user), "token": token}, status=201)


class Me(APIView):
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response(shown(request.user))


class Logout(TokenBlacklistView):
    def post(self, request):
        super().post(request)
        return Response(status=204)


def shown(user):
    return {"id": user.pk, "phone": user.get_username(), "kakao_id": None}


urlpatterns = [
    path("accounts/login/", Login.as_view()),
    path("accounts/me/", Me.as_view()),
    path("accounts/logout/", Logout.as_view()),
    path("accounts/token_refresh/", TokenRefreshView.as_view()),
    path("accounts/token_verify/", TokenVerifyView.as_view()),
]
