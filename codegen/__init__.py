"""The generator: from ``spec/``, ``proto/`` and ``schemas/`` to ``generated/``.

``python -m codegen`` runs these steps, one module each; nothing else writes into ``generated/``.

    spec/     --validate, crosscheck-->        tables, frames
    proto/    --buf, grpcio-tools-->           protobuf
    schemas/  --datamodel-code-generator-->    structs (flatten, polish), bundle
                                                  |
                                                  v
                       one tree of files: headed, formatted, then compared or written
"""
