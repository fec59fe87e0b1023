"""`flanjax explore`: a page on which a mixture can be read, from its shares down to every template and rendered examples."""
