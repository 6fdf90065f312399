"""A bank that writes its payments into a file, one JSON line each. The same idempotency key is paid once."""

import json
import os
import sys

path = sys.argv[1]
os.makedirs(os.path.dirname(path), exist_ok=True)


def payments():
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [json.loads(line) for line in file]


def pay(key, to, amount, reference):
    known = payments()
    for payment in known:
        if payment["key"] == key:
            return {"id": payment["id"]}
    payment = {"id": f"P{len(known) + 1:04}", "key": key, "to": to, "amount": amount, "reference": reference}
    with open(path, "a") as file:
        file.write(json.dumps(payment) + "\n")
    return {"id": payment["id"]}


for line in sys.stdin:
    request = json.loads(line)
    args = request["args"]
    if args["amount"] <= 0:
        answer = {"error": {"kind": "refused", "message": "no such amount", "details": {"why": "amount"}}}
    else:
        answer = {"result": pay(request["idempotency_key"], args["to"], args["amount"], args["reference"])}
    print(json.dumps({"id": request["id"], **answer}), flush=True)
