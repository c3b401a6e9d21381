"""Who may reach the desk: passwords, sign-in, sessions, foreign origins, attempts."""
