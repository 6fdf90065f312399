"""A skill whose every call is written to a file outside the store before it acts, and again when it has acted."""
import json
import os
import sys
import threading
import time

LOG = sys.argv[1]
# The process that started this one; 1 where that has died already.
PARENT = str(os.getppid())
FAILED = set()
lock = threading.Lock()


def note(kind, request):
    args = request["args"]
    line = json.dumps([kind, request["skill"], args["path"], request["idempotency_key"], PARENT])
    fd = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, (line + "\n").encode())
    os.close(fd)


def answer(request):
    note("begin", request)
    args = request["args"]
    time.sleep(args.get("ms", 5) / 1000)
    reply = {"id": request["id"], "result": args.get("n", 0) + 1}
    if request["skill"] == "judge.flaky" and args["path"] not in FAILED:
        FAILED.add(args["path"])
        reply = {"id": request["id"], "error": {"kind": "unavailable", "message": "not yet"}}
    note("end", request)
    with lock:
        print(json.dumps(reply), flush=True)


for line in sys.stdin:
    threading.Thread(target=answer, args=(json.loads(line),), daemon=True).start()
