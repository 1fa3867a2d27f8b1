"""One endpoint of the API as its original was written: Django and Django REST framework, over the tables that workflow made."""
