"""validate.py SCHEMA FILE...: says what is wrong with each, by the JSON Schema."""
import json
import sys

import jsonschema

schema = json.load(open(sys.argv[1]))
validator = jsonschema.validators.validator_for(schema)
validator.check_schema(schema)
wrong = 0
for path in sys.argv[2:]:
    for error in validator(schema).iter_errors(json.load(open(path))):
        print(f"{path}: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}")
        wrong = 1
sys.exit(wrong)
