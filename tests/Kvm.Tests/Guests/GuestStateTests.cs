using CsCheck;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;

namespace Livebed.Kvm.Tests.Guests;

/// <summary>A guest that is saved and goes on in another program is the guest that was never saved.</summary>
public sealed class GuestStateTests
{
    private const int PageSize = 4096;
    private static readonly Gfn RamBase = new(0x1000);

    // How a vCPU asks: for so many accesses at most, so many microseconds after it asked the last time.
    private static readonly Gen<(int Span, int Microseconds)[]> Requests = Gen.Select(Gen.Int[1, 40], Gen.Int[0, 30_000]).Array[0, 30];

    [Fact]
    public void A_synthetic_guest_goes_on_access_by_access()
    {
        var specs = Gen.Select(
            Gen.Int[1, 60], Gen.Int[0, 100], Gen.Bool, Gen.Bool, Gen.Int[1, 4], Gen.Int[0, 40_000], Gen.Int[0, 30], Gen.Int[0, 50],
            (pages, writes, random, overlapping, stride, rate, extra, zero) => new SyntheticGuestSpec(
                (long)pages * PageSize, writes, random, overlapping, stride, rate, new GfnRange(new Gfn(0x9000), 5), extra, zero,
                RepeatedPercent: 20));
        Gen.Select(specs, Gen.Bool, Gen.Int[1, 4], Requests, Requests).Sample((plain, populate, vcpus, before, after) =>
        {
            var spec = plain with { Populate = populate };
            for (var vcpu = 0; vcpu < vcpus; vcpu++) AssertGoesOn(spec, vcpu, vcpus, before, after);
        }, iter: 500);
    }

    [Fact]
    public void A_replay_goes_on_access_by_access_also_beyond_the_end_of_the_recording()
    {
        var interval = Gen.Select(Gen.Int[1, 9_000], Gen.Int[0, 40].HashSet[0, 12]);
        var mix = Gen.Select(Gen.Int[0, 60], Gen.Int[0, 50], Gen.Double[0.5, 20]);
        Gen.Select(interval.Array[1, 8], Gen.Int[1, 4], mix, Gen.Bool, Requests, Requests)
            .Sample((intervals, vcpus, shares, populate, before, after) =>
        {
            var time = 0;
            var lines = intervals.Select(i => string.Join(' ', i.Item2.Order().Prepend(time += i.Item1)));
            using var file = TraceFile.Of(41, [.. lines]);
            var spec = new TraceGuestSpec(
                file.Path, shares.Item3, ReadPercent: shares.Item1, ZeroPercent: shares.Item2, RepeatedPercent: 10)
            { Populate = populate };
            for (var vcpu = 0; vcpu < vcpus; vcpu++) AssertGoesOn(spec, vcpu, vcpus, before, after);
        }, iter: 500);
    }

    [Theory]
    [InlineData(10_000)]
    [InlineData(200_000)]
    [InlineData(700_000)]
    public void A_replay_of_a_real_recording_goes_on_with_reads_of_what_it_has_written(int accesses)
    {
        var spec = new TraceGuestSpec(RecordedTraces.Sqlite, ReadPercent: 40, RepeatedPercent: 10);
        using var guest = Create(spec, 1, 2);
        Take(guest, accesses);
        using var other = Create(spec, 1, 2, guest.Save());
        Assert.Equal(Take(guest, 50_000), Take(other, 50_000));
    }

    [Fact]
    public void A_state_stays_small_however_long_the_guest_has_run()
    {
        using var guest = Create(new TraceGuestSpec(RecordedTraces.Sqlite, ReadPercent: 40), 0, 1);
        Take(guest, 500_000);
        Assert.InRange(guest.Save().Words.Count, 1, 16);
    }

    [Fact]
    public void A_state_of_the_wrong_shape_is_refused()
    {
        using var file = TraceFile.Of(10, "100 1+4", "500 2");
        var synthetic = new SyntheticGuestSpec(4 * PageSize, AccessesPerSecond: 1_000);
        var trace = new TraceGuestSpec(file.Path);
        foreach (var (spec, other) in ((GuestSpec, GuestSpec)[])[(synthetic, trace), (trace, synthetic)])
        {
            var words = Save(spec).Words;
            AssertRefused(spec, Save(other));
            AssertRefused(spec, new GuestState([]));
            AssertRefused(spec, new GuestState([.. words, 0]));
            AssertRefused(spec, new GuestState([.. words.Take(words.Count - 1)]));
            AssertRefused(spec, new GuestState(new long[words.Count]));
            // All but the kind and the random numbers have a least value.
            for (var i = 2; i < words.Count; i++) AssertRefused(spec, With(words, i, -1));
        }

        AssertRefused(synthetic, With(Save(synthetic).Words, 3, 4));
        AssertRefused(synthetic, With(Save(synthetic).Words, 6, 1_000));
        AssertRefused(trace, With(Save(trace).Words, 4, 2));
        AssertRefused(trace, With(Save(trace).Words, 5, 4));
    }

    [Fact]
    public void A_populating_guest_is_saved_with_its_program()
    {
        var spec = new SyntheticGuestSpec(4 * PageSize, AccessesPerSecond: 1_000) { Populate = true };
        var words = Save(spec).Words;
        AssertRefused(spec, Save(spec with { Populate = false }));
        AssertRefused(spec with { Populate = false }, new GuestState(words));
        AssertRefused(spec, new GuestState([1, 2, 3]));
        AssertRefused(spec, With(words, words.Count - 2, 6));
        AssertRefused(spec, With(words, words.Count - 1, -1));
    }

    [Fact]
    public void A_replay_is_not_put_where_its_vcpu_has_no_page()
    {
        using var file = TraceFile.Of(10, "100 1+4", "500", "900 3");
        var spec = new TraceGuestSpec(file.Path);
        AssertRefused(spec, With(Save(spec).Words, 4, 1));
    }

    private static void AssertGoesOn(GuestSpec spec, int vcpu, int vcpus, (int, int)[] before, (int, int)[] after)
    {
        using var guest = Create(spec, vcpu, vcpus);
        var now = 0L;
        foreach (var (span, microseconds) in before) guest.Next(new GuestOperation[span], now += microseconds);
        using var other = Create(spec, vcpu, vcpus, guest.Save());
        AssertSame();
        foreach (var (span, microseconds) in after)
        {
            now += microseconds;
            GuestOperation[] want = new GuestOperation[span], got = new GuestOperation[span];
            Assert.Equal(guest.Next(want, now), other.Next(got, now));
            Assert.Equal(want, got);
            AssertSame();
        }

        void AssertSame()
        {
            Assert.Equal(guest.NextDueMicroseconds, other.NextDueMicroseconds);
            Assert.Equal(guest.BehindMicroseconds, other.BehindMicroseconds);
            Assert.Equal(guest.AccessesHandedOut, other.AccessesHandedOut);
            Assert.Equal(guest.Save().Words, other.Save().Words);
        }
    }

    private static IPacedGuestProgram Create(GuestSpec spec, int vcpu, int vcpus, GuestState? state = null) =>
        spec.Create(7, 1, vcpu, vcpus, RamBase, PageSize, state);

    private static GuestState Save(GuestSpec spec)
    {
        using var guest = Create(spec, 0, 1);
        return guest.Save();
    }

    private static GuestState With(IReadOnlyList<long> words, int index, long word)
    {
        var changed = words.ToArray();
        changed[index] = word;
        return new GuestState(changed);
    }

    private static void AssertRefused(GuestSpec spec, GuestState state) =>
        Assert.Throws<ArgumentException>(() => Create(spec, 0, 1, state));

    private static GuestOperation[] Take(IPacedGuestProgram guest, int count)
    {
        var span = new GuestOperation[count];
        Assert.Equal(count, guest.Next(span, long.MaxValue - 1));
        return span;
    }
}
