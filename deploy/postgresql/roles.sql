-- Roles and schemas for both daemons, run once by an owner of the database:
--
--   SENDER_PASSWORD_FILE=/path RECEIVER_PASSWORD_FILE=/path psql -v ON_ERROR_STOP=1 -d federated_consultation -f roles.sql
--
-- Each daemon owns its own schema, cannot look into the other's, and can make nothing else. psql reads the passwords
-- from the files by itself, so that they stand on no command line.

\set sender_password `cat "$SENDER_PASSWORD_FILE"`
\set receiver_password `cat "$RECEIVER_PASSWORD_FILE"`

BEGIN;
SET LOCAL password_encryption = 'scram-sha-256';
-- a failing statement must not bring a password into the server's log
SET LOCAL log_min_error_statement = 'panic';
SET LOCAL log_statement = 'none';

CREATE ROLE federated_sender LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'sender_password';
CREATE ROLE registered_receiver LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'receiver_password';

-- what a constraint refuses is a row with a patient in it: the server's log gets the first line of such an error only
ALTER ROLE federated_sender SET log_error_verbosity = 'terse';
ALTER ROLE registered_receiver SET log_error_verbosity = 'terse';
ALTER ROLE federated_sender SET log_parameter_max_length_on_error = 0;
ALTER ROLE registered_receiver SET log_parameter_max_length_on_error = 0;

CREATE SCHEMA federated_sender AUTHORIZATION federated_sender;
CREATE SCHEMA registered_receiver AUTHORIZATION registered_receiver;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()) \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO federated_sender, registered_receiver', current_database()) \gexec
COMMIT;
