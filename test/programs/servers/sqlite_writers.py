# Two processes that write into one database in WAL mode, each in long transactions.
import os, sqlite3, time


def connect():
    return sqlite3.connect('db', timeout=60, isolation_level=None)


db = connect()
db.execute('pragma journal_mode = wal')
db.execute('create table rows (writer, n)')
db.execute('create table total (n)')
db.execute('insert into total values (0)')
db.close()
writer = 1 if os.fork() else 2
db = connect()
n = 0
while True:
    n += 1
    db.execute('begin immediate')
    db.execute('insert into rows values (?, ?)', (writer, n))
    time.sleep(0.01)
    db.execute('update total set n = n + 1')
    db.execute('commit')
    time.sleep(0.01)
