-- A service's database and its two roles, once, by whoever may create databases and roles:
--   psql -v ON_ERROR_STOP=1 -v database=inorder_cart -v owner=inorder_cart_owner -v role=inorder_cart -f deploy/postgres/roles.sql
-- The owner makes the tables (`npm run migrate -- cart`); the service runs under the role, which owns nothing, with
-- MIGRATE=off. Passwords: \password inorder_cart, or certificates and pg_hba.conf.
CREATE ROLE :"owner" LOGIN;
CREATE ROLE :"role" LOGIN;
GRANT :"owner" TO CURRENT_USER;
-- Sorted by byte: ids come out the same on every machine.
CREATE DATABASE :"database" OWNER :"owner" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"role";
\connect :"database"
ALTER SCHEMA public OWNER TO :"owner";
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"role";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"role";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT USAGE, SELECT ON SEQUENCES TO :"role";
