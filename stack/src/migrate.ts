// `npm run migrate -- cart`: brings a service's database (DATABASE_URL) to its newest migrations, as the role that owns them.
// The service itself then runs with MIGRATE=off, under a role that owns nothing (deploy/postgres).
import { migrate } from '@inorder/storage/migrate.ts'
import { secretOf } from '@inorder/storage/settings.ts'
import { StartFailure } from './failure.ts'
import { migrationsOf } from './migrations.ts'
import { services } from './services.ts'
import { toldOf } from './told.ts'

const withDatabase = services.filter(({ database }) => database).map(({ name }) => name)
const [name = ''] = process.argv.slice(2)
try {
  if (!withDatabase.includes(name))
    throw new StartFailure(`npm run migrate -- <service>: one of ${withDatabase.join(', ')}`)
  const url = secretOf(process.env, 'DATABASE_URL')
  if (!url) throw new StartFailure(`set DATABASE_URL: the database of ${name}`)
  await migrate(url, migrationsOf(name))
  console.log(`the database of ${name} has its newest migrations`)
} catch (error) {
  console.error(toldOf(error))
  process.exitCode = 1
}
