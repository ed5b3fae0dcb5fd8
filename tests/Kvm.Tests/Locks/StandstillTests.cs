using CsCheck;
using Livebed.Kvm.Locks;
using static Livebed.Kvm.Tests.Locks.Observations;

namespace Livebed.Kvm.Tests.Locks;

/// <summary>A wait starves by the time in which the bed ran, not by the time that passed.</summary>
public sealed class StandstillTests
{
    private const long Interval = 400_000;

    [Fact]
    public void A_wait_over_a_suspension_of_seven_seconds_does_not_starve()
    {
        var bed = new Bed();
        bed.Goes(ran: Interval);
        bed.WaitBegins();
        Assert.Empty(bed.Goes(ran: 15_000, passed: 7 * Second));
        for (var i = 0; i < 10; i++) Assert.Empty(bed.Goes(ran: Interval));
    }

    [Fact]
    public void A_wait_that_goes_on_when_the_bed_runs_again_does()
    {
        var bed = new Bed();
        bed.WaitBegins();
        bed.Goes(ran: 15_000, passed: 7 * Second);
        var hang = Assert.Single(Enumerable.Range(0, 14).SelectMany(_ => bed.Goes(ran: Interval)));
        Assert.Equal(HangKind.Starvation, hang.Kind);
        Assert.Contains("the bed stood still for 7.0 s of it", hang.Witness);
    }

    [Fact]
    public void A_bed_that_was_still_when_first_looked_at_is_no_hang()
    {
        var bed = new Bed();
        bed.WaitBegins();
        Assert.Empty(bed.Goes(ran: 15_000, passed: 60 * Second));
        Assert.Empty(bed.Goes(ran: Interval));
    }

    /// <summary>A wait that is new has not seen what the bed ran before.</summary>
    [Fact]
    public void What_the_bed_ran_before_a_wait_began_does_not_count()
    {
        var bed = new Bed();
        for (var i = 0; i < 100; i++) bed.Goes(ran: Interval);
        bed.WaitBegins();
        for (var i = 0; i < 12; i++) Assert.Empty(bed.Goes(ran: Interval));
        Assert.Single(Enumerable.Range(0, 3).SelectMany(_ => bed.Goes(ran: Interval)));
    }

    [Fact]
    public void A_circle_needs_no_time()
    {
        var detector = new HangDetector();
        var still = At(0, [1, 2], Wait(1, [2]), Wait(2, [1])) with { RanMicroseconds = 7 };
        Assert.Empty(detector.Observe(still));
        Assert.Equal(HangKind.Deadlock, Assert.Single(detector.Observe(still with { TimeMicroseconds = Second })).Kind);
    }

    [Fact]
    public void It_starves_exactly_when_the_bed_ran_for_the_limit() =>
        Gen.Select(Gen.Long[0, Interval], Gen.Long[0, 20 * Second]).Array[2, 60].Sample(rounds =>
        {
            var bed = new Bed();
            bed.WaitBegins();
            var ran = 0L;
            var found = false;
            foreach (var (part, stood) in rounds)
            {
                var hangs = bed.Goes(part, part + stood);
                ran += part;
                // Two observations make a hang, and each hang is told once.
                var isDue = !found && ran >= 5 * Second && bed.Rounds > 1;
                Assert.Equal(isDue ? 1 : 0, hangs.Count);
                found |= isDue;
            }
        });

    /// <summary>One operation that waits behind another, in a bed that runs for a part of each round.</summary>
    private sealed class Bed
    {
        private readonly HangDetector _detector = new();
        private long _now;
        private long _ran;
        private long? _waitBegan;

        public int Rounds { get; private set; }

        public void WaitBegins() => _waitBegan = _now;

        public IReadOnlyList<Hang> Goes(long ran, long? passed = null)
        {
            Rounds++;
            (_now, _ran) = (_now + (passed ?? ran), _ran + ran);
            ObservedWait[] waits = _waitBegan is { } began ? [Wait(1, [2], waited: _now - began)] : [];
            return _detector.Observe(At(_now, [1, 2], waits) with { RanMicroseconds = _ran });
        }
    }
}
