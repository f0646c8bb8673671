"""A back end as its document has it: Django REST framework, a user model with a school, the refresh
token in a cookie.
"""
