using CsCheck;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;

namespace Livebed.Kvm.Tests.Guests;

/// <summary>A replay is the recording: all of it, by the right vCPU, at the right time, and the same each time.</summary>
public sealed class TraceGuestTests
{
    private static readonly Gfn RamBase = new(0x1000);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    public void The_shares_of_all_vcpus_are_the_recording(int vcpus)
    {
        using var reader = DirtyPageTrace.Open(RecordedTraces.Sqlite);
        var recorded = new long[reader.Header.Pages];
        while (reader.ReadInterval())
            while (reader.ReadRun(out var run))
                for (var page = run.First; page < run.End; page++) recorded[page]++;

        var replayed = new long[recorded.Length];
        for (var vcpu = 0; vcpu < vcpus; vcpu++)
        {
            using var guest = Create(new TraceGuestSpec(RecordedTraces.Sqlite), vcpu, vcpus);
            foreach (var operation in Replay(guest, until: 1_843_492))
            {
                Assert.Equal(GuestAccessKind.Write, operation.Kind);
                Assert.Equal(vcpu, (operation.Gfn - RamBase) % vcpus);
                replayed[operation.Gfn - RamBase]++;
            }
        }

        // The last interval's pages are spread up to the end of the pass, so all but its first write of each share are still to come.
        var missing = recorded.Zip(replayed, (want, got) => want - got).ToList();
        Assert.All(missing, count => Assert.InRange(count, 0, 1));
        Assert.InRange(missing.Sum(), 0, 2000);
    }

    [Fact]
    public void Any_trace_is_replayed_write_by_write_over_several_passes()
    {
        var interval = Gen.Select(Gen.Int[1, 9_000], Gen.Int[0, 40].HashSet[0, 12]);
        Gen.Select(interval.Array[1, 8], Gen.Int[1, 5]).Sample((intervals, vcpus) =>
        {
            var time = 0;
            var lines = intervals.Select(i => (Time: time += i.Item1, Pages: i.Item2.Order().ToArray())).ToArray();
            using var file = TraceFile.Of(41, [.. lines.Select(line => string.Join(' ', line.Pages.Prepend(line.Time)))]);
            for (var vcpu = 0; vcpu < vcpus; vcpu++)
            {
                var want = lines.SelectMany(line => line.Pages).Where(page => page % vcpus == vcpu).Select(page => (long)page).ToArray();
                using var guest = Create(new TraceGuestSpec(file.Path), vcpu, vcpus);
                var got = Take(guest, 3 * want.Length).Select(operation => operation.Gfn - RamBase).ToArray();
                Assert.Equal(want.Concat(want).Concat(want), got);
                if (want.Length == 0) Assert.Equal(long.MaxValue, guest.NextDueMicroseconds);
            }
        }, iter: 100);
    }

    [Fact]
    public void Writes_are_due_from_their_interval_on_spread_up_to_the_next_one()
    {
        using var file = TraceFile.Of(10, "100 1+4", "500 2", "600");
        using var guest = Create(new TraceGuestSpec(file.Path), 0, 1);
        // The last interval lasts as long as the others on average: 600 / 2.
        Assert.Equal(
            [(100L, 1L), (200, 2), (300, 3), (400, 4), (500, 2), (1000, 1), (1100, 2), (1200, 3), (1300, 4), (1400, 2)],
            DueTimes(guest, 10));
    }

    [Theory]
    [InlineData(2, 50)]
    [InlineData(0.5, 200)]
    public void Speed_divides_recorded_time(double speed, long due)
    {
        using var file = TraceFile.Of(10, "100 1+4", "500 2");
        using var guest = Create(new TraceGuestSpec(file.Path, speed), 0, 1);
        Assert.Equal(due, guest.NextDueMicroseconds);
    }

    [Fact]
    public void Nothing_is_handed_out_before_it_is_due_and_a_full_span_leaves_the_rest()
    {
        using var file = TraceFile.Of(10, "100 1+4", "500 2");
        using var guest = Create(new TraceGuestSpec(file.Path), 0, 1);
        var span = new GuestOperation[2];
        Assert.Equal(0, guest.Next(span, 99));
        Assert.Equal(1, guest.Next(span, 100));
        Assert.Equal(0, guest.BehindMicroseconds);
        Assert.Equal(2, guest.Next(span, 450));
        Assert.Equal(150, guest.BehindMicroseconds);
        Assert.Equal(400, guest.NextDueMicroseconds);
        Assert.Equal(1, guest.Next(span, 450));
        Assert.Equal(50, guest.BehindMicroseconds);
        Assert.Equal(4, guest.AccessesHandedOut);
    }

    [Fact]
    public void Reads_are_their_share_and_only_of_pages_written_before()
    {
        using var guest = Create(new TraceGuestSpec(RecordedTraces.Redis, ReadPercent: 40), 1, 3);
        var written = new HashSet<Gfn>();
        var reads = 0;
        foreach (var operation in Take(guest, 200_000))
        {
            if (operation.Kind == GuestAccessKind.Write)
            {
                written.Add(operation.Gfn);
                continue;
            }

            reads++;
            Assert.Contains(operation.Gfn, written);
        }

        Assert.InRange(reads, 78_000, 82_000);
    }

    [Fact]
    public void The_same_seed_gives_the_same_accesses_and_another_seed_others()
    {
        var spec = new TraceGuestSpec(RecordedTraces.Sqlite, ReadPercent: 30, ZeroPercent: 10, RepeatedPercent: 20);
        Assert.Equal(Take(Create(spec, 0, 2), 20_000), Take(Create(spec, 0, 2), 20_000));
        Assert.NotEqual(Take(Create(spec, 0, 2), 20_000), Take(Create(spec, 0, 2, seed: 8), 20_000));
    }

    [Fact]
    public void Replay_allocates_a_decompressor_per_pass_and_nothing_per_access()
    {
        using var guest = Create(new TraceGuestSpec(RecordedTraces.Sqlite, ReadPercent: 10), 0, 1);
        var span = new GuestOperation[512];
        while (guest.AccessesHandedOut < 500_000) guest.Next(span, long.MaxValue - 1);
        var before = GC.GetAllocatedBytesForCurrentThread();
        while (guest.AccessesHandedOut < 2_500_000) guest.Next(span, long.MaxValue - 1);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 * 1024);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 100)]
    [InlineData(double.NaN, 0)]
    public void Impossible_values_are_refused(double speed, int readPercent) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Create(new TraceGuestSpec(RecordedTraces.Sqlite, speed, readPercent), 0, 1));

    [Fact]
    public void Pages_needed_are_the_recordings_pages() =>
        Assert.Equal(32_997, new TraceGuestSpec(RecordedTraces.Sqlite).PagesNeeded(vcpus: 4, pageSize: 512));

    private static IPacedGuestProgram Create(GuestSpec spec, int vcpu, int vcpus, ulong seed = 7) =>
        spec.Create(seed, 1, vcpu, vcpus, RamBase, 4096);

    private static List<GuestOperation> Replay(IPacedGuestProgram guest, long until)
    {
        var all = new List<GuestOperation>();
        var span = new GuestOperation[1000];
        for (var count = guest.Next(span, until); count > 0; count = guest.Next(span, until)) all.AddRange(span[..count]);
        return all;
    }

    private static GuestOperation[] Take(IPacedGuestProgram guest, int count)
    {
        var span = new GuestOperation[count];
        Assert.Equal(count, guest.Next(span, long.MaxValue - 1));
        return span;
    }

    private static List<(long Due, long Page)> DueTimes(IPacedGuestProgram guest, int count)
    {
        var all = new List<(long Due, long Page)>();
        var one = new GuestOperation[1];
        while (all.Count < count)
        {
            var due = guest.NextDueMicroseconds;
            Assert.Equal(0, guest.Next(one, due - 1));
            Assert.Equal(1, guest.Next(one, due));
            all.Add((due, one[0].Gfn - RamBase));
        }

        return all;
    }
}
