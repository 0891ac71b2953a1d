create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i+1 from n where i < 300000)
insert into t select i, hex(i*7919), i*0.5 from n;
create index tb on t(b);
select count(*), sum(c), max(b) from t where b like '%A%';
select sum(x.a) from t x join t y on x.b = y.b where y.a % 3 = 0;
select b % 100, count(*), avg(c) from t group by 1 order by 2 desc, 1 limit 5;
