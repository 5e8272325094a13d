"""Transport: sending requests to whatever answers them, in process or over HTTP."""
