"""The people of the back end, as its document has them."""

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models


class School(models.Model):
    name = models.CharField(max_length=100)


class MyUserManager(BaseUserManager):
    def create_user(self, email, nickname, school=None, password=None, **_):
        user = self.model(email=email, nickname=nickname, school=school)
        user.set_password(password)
        user.save(using=self._db)
        return user


class MyUser(AbstractBaseUser):
    email = models.EmailField(max_length=255, unique=True)
    nickname = models.CharField(max_length=100, unique=True)
    profile_img_path = models.URLField(blank=True, null=True)
    friends = models.ManyToManyField("self", blank=True)
    school = models.ForeignKey(School, on_delete=models.CASCADE)
    is_admin = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = MyUserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["nickname"]
