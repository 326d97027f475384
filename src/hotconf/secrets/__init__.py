"""What must not be shown, and its removal from text. Pure.

Where a secret is masked:

- `keys`: which keys name secrets.
- `credentials`, in users' texts also `prose`: which texts are secret by their form.
- `scrubber`: how known secrets and those forms are removed from any text.
- `config.redaction.secret_values`: which values of files and configurations are secret; `secret_keys`: which keys are
  by the model.
- `config.redaction.masking`: how values are shown; `source_text`: how lines of files are.
- `logs.scrubbing`: which secrets each load, each watcher and the log know.
"""
