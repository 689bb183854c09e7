// A page of docs/ that tells a reader what to write, carried out in a copy of the repository.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { cleanEnvironment } from '@inorder/testing/stack.ts'
import { root } from './starter.ts'

/** A fenced text of the page, and the file that stands behind its language. */
export interface Block {
  language: string
  file: string
  text: string
}

export const blocksOf = (page: string): Block[] =>
  [...page.matchAll(/^```(\w+) ?(\S*)\n(.*?)^```$/gms)].map(([, language = '', file = '', text = '']) => ({
    language,
    file,
    text,
  }))

const parts = ['packages', 'services', 'stack', 'testing', 'deploy', 'docs']
const files = ['package.json', 'tsconfig.json', 'biome.json', '.gitignore']

export class Copy {
  readonly folder = mkdtempSync(join(tmpdir(), 'inorder-page-'))
  readonly tree = join(this.folder, 'inorder')

  constructor() {
    mkdirSync(this.tree)
    for (const part of [...parts, ...files])
      cpSync(join(root, part), join(this.tree, part), {
        recursive: true,
        filter: (path) => !path.endsWith('node_modules'),
      })
    // What npm installed is shared, but for the packages of the repository: those are the copy's own.
    for (const name of readdirSync(join(root, 'node_modules'))) {
      if (name !== '@inorder') this.#link(join(root, 'node_modules', name), join('node_modules', name))
    }
    for (const name of readdirSync(join(root, 'packages')))
      this.#link(join(this.tree, 'packages', name), join('node_modules/@inorder', name))
    for (const name of ['stack', 'testing']) this.#link(join(this.tree, name), join('node_modules/@inorder', name))
  }

  #link(target: string, path: string): void {
    mkdirSync(dirname(join(this.tree, path)), { recursive: true })
    symlinkSync(target, join(this.tree, path))
  }

  read(file: string): string {
    return readFileSync(join(this.tree, file), 'utf8')
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(join(this.tree, file)), { recursive: true })
    writeFileSync(join(this.tree, file), text)
  }

  /** Changes the block's file as its lines say: those without + are there now, one after another, those without - afterwards. */
  patch({ file, text }: Block): void {
    const without = (sign: string) =>
      text
        .split(/(?<=\n)/)
        .filter((line) => !line.startsWith(sign))
        .map((line) => line.slice(1))
        .join('')
    const pieces = this.read(file).split(without('+'))
    assert.equal(pieces.length, 2, `${file} holds this once:\n${without('+')}`)
    this.write(file, pieces.join(without('-')))
  }

  run(file: string, ...args: string[]): string {
    return execFileSync(file, args, { cwd: this.tree, env: cleanEnvironment(), encoding: 'utf8' })
  }

  node(script: string, ...args: string[]): string {
    return this.run(process.execPath, script, ...args)
  }

  /** Checks the types of these; what tsc says where they are wrong. Once more it looks only at what has changed since. */
  typeErrors(...include: string[]): string {
    this.write('tsconfig.page.json', JSON.stringify({ extends: './tsconfig.json', include }))
    try {
      return this.node(
        'node_modules/typescript/lib/tsc.js',
        '--noEmit',
        '--incremental',
        '--tsBuildInfoFile',
        join(this.folder, 'types.tsbuildinfo'),
        '--pretty',
        'false',
        '-p',
        'tsconfig.page.json',
      )
    } catch (error) {
      return (error as { stdout: string }).stdout
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
