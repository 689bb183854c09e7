-- After the first `npm run migrate`, by the owner or whoever made the roles: the service vacuums its outbox and gives its
-- room back. PostgreSQL before 17 knows no MAINTAIN: leave it out, autovacuum then does it less often.
--   psql -v ON_ERROR_STOP=1 -v role=inorder_cart -f deploy/postgres/upkeep.sql "$DATABASE_URL"
GRANT TRUNCATE, MAINTAIN ON outbox TO :"role";
