"""The tracker script of a page: its source, its minified form, and the views that serve it.

`footfall.js` is what people edit. `footfall.min.js` is what browsers get, committed so that nobody needs a build step;
`footfall.sha256` ties the two together, and a test checks it. After a change, in this folder:

    npx terser@5.51.2 footfall.js --ecma 2021 --compress passes=3,unsafe_arrows=true --mangle \\
        --format ascii_only=true -o footfall.min.js && sha256sum footfall.js footfall.min.js > footfall.sha256

`script` [L3] imports the standard library only; `views` [L5] imports it and accounts' selectors.
"""
