// Bundles the dashboard, and writes it as C for server/dashboard.c to include.
//
//     node web/build.mjs OUTPUT_FOLDER
//
// What the page loads is named by its content; everything is compressed here, once.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const types = {
    '.html': 'text/html; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.svg': 'image/svg+xml',
};
const here = fileURLToPath(new URL('.', import.meta.url));
const out = process.argv[2];

function hash(content) {
    return createHash('sha256').update(content).digest('hex').slice(0, 16);
}

async function bundle() {
    const result = await build({
        absWorkingDir: here,
        entryPoints: ['src/main.tsx'],
        outdir: out,
        entryNames: 'dashboard-[hash]',
        bundle: true,
        minify: true,
        write: false,
        format: 'esm',
        target: ['chrome103', 'firefox102', 'safari15.4'],
        jsx: 'automatic',
        jsxImportSource: 'preact',
        legalComments: 'none',
        logLevel: 'warning',
    });
    return result.outputFiles.map((file) => ({ name: basename(file.path), content: Buffer.from(file.contents) }));
}

// The icon and the page, which names what it loads.
function page(assets) {
    const icon = readFileSync(join(here, 'src/icon.svg'));
    const iconName = `icon-${hash(icon)}.svg`;
    const named = (end) => assets.find((asset) => asset.name.endsWith(end)).name;
    const html = readFileSync(join(here, 'src/index.html'), 'utf8')
        .replace('{{icon}}', `/assets/${iconName}`)
        .replace('{{style}}', `/assets/${named('.css')}`)
        .replace('{{script}}', `/assets/${named('.js')}`);
    return [
        { name: '', type: types['.html'], content: Buffer.from(html) },
        { name: iconName, content: icon },
    ];
}

function asC(file, index) {
    const packed = gzipSync(file.content, { level: 9 });
    const type = file.type ?? types[file.name.slice(file.name.lastIndexOf('.'))];
    const lines = [];
    for (let at = 0; at < packed.length; at += 24) {
        lines.push([...packed.subarray(at, at + 24)].join(','));
    }
    return {
        size: packed.length,
        data: `static const unsigned char file_${index}[] = {\n${lines.join(',\n')}};\n`,
        entry:
            `    {{"${file.name}", ${file.name.length}}, "${type}", "\\"${hash(file.content)}\\"",\n` +
            `     {(const char *)file_${index}, sizeof file_${index}}},\n`,
    };
}

const assets = await bundle();
const files = [...page(assets), ...assets].map(asC);
const text =
    '/* Made by web/build.mjs. */\n' +
    files.map((file) => file.data).join('') +
    'static const struct api_asset files[] = {\n' +
    files.map((file) => file.entry).join('') +
    '};\n';
mkdirSync(out, { recursive: true });
writeFileSync(join(out, 'files.h.tmp'), text);
renameSync(join(out, 'files.h.tmp'), join(out, 'files.h'));
const total = files.reduce((sum, file) => sum + file.size, 0);
console.log(`  the dashboard: ${(total / 1024).toFixed(1)} KiB compressed`);
