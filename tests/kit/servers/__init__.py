"""Other people's servers, as the tests start them."""
