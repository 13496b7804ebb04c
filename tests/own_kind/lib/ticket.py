"""A ticket with the hoster: ticket.py open TITLE, find, close. It is known by the name of the operation, REGROW_OP_ID."""
import json, os, sys, urllib.error, urllib.parse, urllib.request

OPERATION = os.environ["REGROW_OP_ID"]


def call(method, path, body=None):
    """What the service answers; None where there is no such ticket."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(os.environ["TICKET_URL"] + path, data=data, method=method)
    request.add_header("Authorization", "Bearer " + os.environ["TICKET_TOKEN"])
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def put_out(ticket):
    with open(os.environ["REGROW_OUTPUT"], "a") as output:
        print(f"number={ticket['number']}", file=output)


word, query = sys.argv[1], "?" + urllib.parse.urlencode({"operation": OPERATION})
if word == "open":
    put_out(call("POST", "/tickets", {"operation": OPERATION, "title": sys.argv[2]}))
elif word == "find":
    try:
        ticket = call("GET", "/tickets" + query)
    except OSError:
        sys.exit(3)  # Nobody can tell: a person decides.
    if ticket is None:
        sys.exit(1)  # Not done: it is begun again.
    put_out(ticket)  # Done: the outputs are as good as those of `open`.
elif word == "close":
    call("DELETE", "/tickets" + query)  # Gone already, or never there, is as good.
