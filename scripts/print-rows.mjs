// Prints rows as they come: one JSON line each with --json, aligned text otherwise. A row with `ok: false` makes the exit code 1.
export async function printRows(rows, { json }) {
  for await (const row of rows) {
    if (row.ok === false) process.exitCode = 1
    const text = json
      ? JSON.stringify(row, (_key, value) => (typeof value === 'bigint' ? value.toString() : value))
      : readable(row)
    process.stdout.write(`${text}\n`)
  }
}

function readable(row) {
  const [[, first], ...rest] = Object.entries(row)
  return `${String(first).padEnd(28)} ${rest.map(([key, value]) => `${key} ${short(value)}`).join('   ')}`
}

const short = value =>
  typeof value === 'number' && !Number.isInteger(value)
    ? value.toPrecision(4)
    : typeof value === 'object' && value !== null
      ? JSON.stringify(value)
      : String(value)
