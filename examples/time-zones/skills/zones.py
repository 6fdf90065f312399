"""The skills of the namespace `zones`: JSON lines in, JSON lines out."""
import json
import math
import re
import sys


class Failure(Exception):
    def __init__(self, kind, message, **details):
        super().__init__(message)
        self.kind, self.details = kind, details


def rows(text, least):
    for number, line in enumerate(text.splitlines(), 1):
        if line and not line.startswith("#"):
            cells = line.split("\t")
            if len(cells) < least:
                raise Failure("bad_row", f"line {number} has {len(cells)} columns", line=number)
            yield number, cells


def degrees(text):
    sign, digits = (-1 if text[0] == "-" else 1), text[1:]
    size = 2 if len(digits) in (4, 6) else 3
    parts = [digits[:size], digits[size:size + 2], digits[size + 2:] or "0"]
    return round(sign * sum(int(part) / 60**n for n, part in enumerate(parts)), 4)


def table(text):
    found = []
    for number, (codes, place, name, *_) in rows(text, 3):
        match = re.fullmatch(r"([+-]\d+)([+-]\d+)", place)
        if not match:
            raise Failure("bad_row", f"line {number} has no place", line=number)
        found.append({
            "name": name,
            "countries": codes.split(","),
            "latitude": degrees(match[1]),
            "longitude": degrees(match[2]),
        })
    return found


def countries(text):
    return {code: name for _, (code, name, *_) in rows(text, 2)}


def distance(**places):
    a, b = places["from"], places["to"]
    p, q = math.radians(a["latitude"]), math.radians(b["latitude"])
    turn = math.radians(b["longitude"] - a["longitude"])
    cosine = math.sin(p) * math.sin(q) + math.cos(p) * math.cos(q) * math.cos(turn)
    return round(6371.0 * math.acos(max(-1.0, min(1.0, cosine))), 1)


SKILLS = {"zones.table": table, "zones.countries": countries, "zones.distance": distance}

for line in sys.stdin:
    request = json.loads(line)
    answer = {"id": request["id"]}
    try:
        answer["result"] = SKILLS[request["skill"]](**request["args"])
    except Failure as error:
        answer["error"] = {"kind": error.kind, "message": str(error), "details": error.details}
    print(json.dumps(answer), flush=True)
