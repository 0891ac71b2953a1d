# Hashes, formats, regular expressions, sorting.
my %h;
$h{$_ % 1000} .= sprintf("%x,", $_ * $_) for 1 .. 1500000;
my $n = 0;
for (values %h) { $n++ while /1[0-9]*a/g }
my @w = map { join '', reverse split //, $_ } sort { length $a <=> length $b or $a cmp $b } map { substr $h{$_}, 0, 200 } keys %h;
my $t = join ' ', @w;
$t =~ s/([0-9a-f])\1+/<$1>/g;
print "$n ", length $t, " ", scalar(() = $t =~ /<.>/g), "\n";
