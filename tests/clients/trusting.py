"""Becomes the program that its arguments name, with the local Azure's certificate where each client looks for one."""

import os
import sys

trust = os.environ["BATCHKIT_CA_BUNDLE"]
# Of requests, of Python's ssl and of Node.js, in this order.
os.environ |= {"REQUESTS_CA_BUNDLE": trust, "SSL_CERT_FILE": trust, "NODE_EXTRA_CA_CERTS": trust}
os.execvp(sys.argv[1], sys.argv[1:])
