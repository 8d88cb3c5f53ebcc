/** The tables of a Checker's journal, one schema version after the other. */
import { operatorSessionTable } from '../daemon/operator-session.ts'
import { ownChainTable } from '../daemon/own-chain.ts'
import { evidenceTable } from './round/record.ts'

/** SQL of each schema version of a Checker's store. */
export const checkerMigrations = [
  `CREATE TABLE round (
     epoch INTEGER NOT NULL, hash TEXT NOT NULL, ordinal INTEGER NOT NULL, slot INTEGER NOT NULL,
     number INTEGER NOT NULL, timestamp INTEGER NOT NULL, PRIMARY KEY (epoch, hash)) STRICT;
   CREATE TABLE verdict (
     round TEXT NOT NULL, device_id TEXT NOT NULL, epoch INTEGER NOT NULL, generation INTEGER NOT NULL,
     verdict TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, rate REAL NOT NULL,
     commitment_hash TEXT, commitment TEXT, signature TEXT, evidence TEXT,
     PRIMARY KEY (round, device_id)) STRICT;
   CREATE INDEX verdict_by_epoch ON verdict (epoch, device_id);
   CREATE TABLE heartbeat (
     epoch INTEGER NOT NULL, device_id TEXT NOT NULL, asked INTEGER NOT NULL, answered INTEGER NOT NULL,
     PRIMARY KEY (epoch, device_id)) STRICT;
   CREATE TABLE device_check (
     epoch INTEGER NOT NULL, device_id TEXT NOT NULL, device_valid INTEGER NOT NULL, environment_valid INTEGER NOT NULL,
     environment_hash TEXT NOT NULL, findings TEXT NOT NULL, report TEXT NOT NULL, PRIMARY KEY (epoch, device_id)) STRICT;
   CREATE TABLE opening (
     epoch INTEGER NOT NULL, cohort INTEGER NOT NULL, words TEXT NOT NULL, PRIMARY KEY (epoch, cohort)) STRICT;
   CREATE TABLE seat_commitment (epoch INTEGER PRIMARY KEY, root TEXT NOT NULL, salt TEXT NOT NULL) STRICT;
   CREATE TABLE contradiction (
     round TEXT NOT NULL, device_id TEXT NOT NULL, first TEXT NOT NULL, second TEXT NOT NULL,
     PRIMARY KEY (round, device_id)) STRICT;`,
  operatorSessionTable,
  evidenceTable,
  ownChainTable,
  'CREATE TABLE duty (epoch INTEGER PRIMARY KEY, seed TEXT NOT NULL, duty TEXT NOT NULL) STRICT;',
  'ALTER TABLE verdict ADD COLUMN witness TEXT;',
  `CREATE TABLE confirmed_environment (
     epoch INTEGER NOT NULL, device_id TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (epoch, device_id, hash)) STRICT;
   INSERT INTO confirmed_environment SELECT epoch, device_id, environment_hash FROM device_check
     WHERE device_valid = 1 AND environment_valid = 1;`,
  `ALTER TABLE round ADD COLUMN kind TEXT NOT NULL DEFAULT 'tensor';
   ALTER TABLE verdict ADD COLUMN kind TEXT NOT NULL DEFAULT 'tensor';
   ALTER TABLE verdict ADD COLUMN figures TEXT NOT NULL DEFAULT '{}';
   UPDATE verdict SET figures = json_object('tensor', CAST(rate AS INTEGER)) WHERE rate > 0;
   ALTER TABLE verdict DROP COLUMN rate;`,
  'DROP TABLE heartbeat;',
  `CREATE TABLE evidence_tree (
     epoch INTEGER NOT NULL, cohort INTEGER NOT NULL, nodes BLOB NOT NULL, PRIMARY KEY (epoch, cohort)) STRICT;`,
  // A device's last rate is read at each of its reports.
  "CREATE INDEX verdict_of_rate ON verdict (device_id, epoch) WHERE kind = 'tensor' AND verdict = 'VALID';",
] as const
