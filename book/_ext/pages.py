"""Every page is served from its own host, and loads only what it uses."""


def setup(app):
    return {"version": "1"}
