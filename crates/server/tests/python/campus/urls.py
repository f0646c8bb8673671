"""Its routes. Only the password's hash, which the described server returned, is left out."""

import jwt
from django.conf import settings
from django.contrib.auth import authenticate
from django.urls import path
from rest_framework import serializers
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer

from campus.models import MyUser


class UserSerializer(serializers.ModelSerializer):
    class Meta:
        model = MyUser
        fields = "__all__"
        extra_kwargs = {"password": {"write_only": True}}

    def create(self, validated):
        return MyUser.objects.create_user(**validated)


class Register(APIView):
    permission_classes = [AllowAny]

    def post(self, request):
        serializer = UserSerializer(data=request.data)
        if not serializer.is_valid():
            return Response(serializer.errors, status=400)
        serializer.save()
        return Response(serializer.data, status=201)


class Login(APIView):
    permission_classes = [AllowAny]

    def post(self, request):
        email, password = request.data.get("email"), request.data.get("password")
        user = authenticate(request, email=email, password=password)
        if user is None:
            return Response({"message": "Failed to login"}, status=400)
        token = TokenObtainPairSerializer.get_token(user)
        pair = {"access": str(token.access_token), "refresh": str(token)}
        shown = UserSerializer(user).data
        answer = Response({"user": shown, "message": "Login success", "token": pair})
        answer.set_cookie("refresh", pair["refresh"], httponly=True)
        return answer


class Refresh(APIView):
    permission_classes = [AllowAny]
    authentication_classes = []

    def post(self, request):
        refresh_token = request.COOKIES.get("refresh")
        if refresh_token is None:
            return Response({"message": "Refresh token does not exist"}, status=403)
        try:
            payload = jwt.decode(refresh_token, settings.SECRET_KEY, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            return Response({"message": "Expired refresh token, please login again"}, status=403)
        user = MyUser.objects.filter(id=payload["user_id"]).first()
        if user is None:
            return Response({"message": "User not found"}, status=400)
        if not user.is_active:
            return Response({"message": "User is inactive"}, status=400)
        access = str(TokenObtainPairSerializer.get_token(user).access_token)
        return Response({"message": "New access token", "access_token": access})


class Logout(APIView):
    permission_classes = [AllowAny]

    def post(self, request):
        answer = Response({"message": "Logout success"}, status=202)
        answer.delete_cookie("refresh")
        return answer


class Me(APIView):
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response(UserSerializer(request.user).data)


urlpatterns = [
    path("account/register/", Register.as_view()),
    path("account/login/", Login.as_view()),
    path("account/token-refresh/", Refresh.as_view()),
    path("account/logout/", Logout.as_view()),
    path("account/me/", Me.as_view()),
]
