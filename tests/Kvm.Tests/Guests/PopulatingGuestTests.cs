using CsCheck;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;

namespace Livebed.Kvm.Tests.Guests;

/// <summary>Populated memory: every page is written once by exactly one vCPU before the program, and the program is the one that it would
/// have been.</summary>
public sealed class PopulatingGuestTests
{
    private const int PageSize = 4096;
    private static readonly Gfn RamBase = new(0x1000);

    [Fact]
    public void Every_page_is_written_once_before_any_vcpus_program_and_at_once()
    {
        Gen.Select(Gen.Int[1, 50], Gen.Int[1, 4], Gen.Int[1, 70], Gen.Int[0, 100]).Sample((pagesPerVcpu, vcpus, span, zero) =>
        {
            var spec = new SyntheticGuestSpec((long)pagesPerVcpu * PageSize, AccessesPerSecond: 10, ZeroPercent: zero) { Populate = true };
            var written = new List<long>();
            for (var vcpu = 0; vcpu < vcpus; vcpu++)
            {
                using var guest = Create(spec, vcpu, vcpus);
                while (guest.ProgramBeganMicroseconds == long.MaxValue
                    && guest.NextDueMicroseconds == 0
                    && written.Count <= pagesPerVcpu * vcpus)
                {
                    var operations = new GuestOperation[span];
                    var count = guest.Next(operations, 0);
                    if (guest.ProgramBeganMicroseconds < long.MaxValue) break;
                    Assert.All(operations.Take(count), operation => Assert.Equal(GuestAccessKind.Write, operation.Kind));
                    written.AddRange(operations.Take(count).Select(operation => operation.Gfn - RamBase));
                }
            }

            Assert.Equal(Enumerable.Range(0, pagesPerVcpu * vcpus).Select(page => (long)page), written.Order());
        }, iter: 300);
    }

    [Fact]
    public void The_program_follows_on_a_clock_that_starts_when_the_memory_is_populated()
    {
        var spec = new SyntheticGuestSpec(8 * PageSize, RandomAccess: true, AccessesPerSecond: 1_000);
        using var plain = Create(spec, 0, 1);
        using var populating = Create(spec with { Populate = true }, 0, 1);
        var operations = new GuestOperation[100];
        Assert.Equal(8, populating.Next(operations, 5_000));
        Assert.Equal(long.MaxValue, populating.ProgramBeganMicroseconds);
        for (var now = 0L; now < 100_000; now += 7_000)
        {
            var want = new GuestOperation[100];
            var count = plain.Next(want, now);
            Assert.Equal(count, populating.Next(operations, 20_000 + now));
            Assert.Equal(
                want.Take(count).Select(operation => (operation.Gfn, operation.Kind)),
                operations.Take(count).Select(operation => (operation.Gfn, operation.Kind)));
            Assert.Equal(20_000 + plain.NextDueMicroseconds, populating.NextDueMicroseconds);
            Assert.Equal(8 + plain.AccessesHandedOut, populating.AccessesHandedOut);
        }

        Assert.Equal(20_000, populating.ProgramBeganMicroseconds);
    }

    [Fact]
    public void No_token_is_written_twice()
    {
        var spec = new SyntheticGuestSpec(64 * PageSize, AccessesPerSecond: 100_000) { Populate = true };
        using var guest = Create(spec, 0, 1);
        var operations = new GuestOperation[500];
        var tokens = new HashSet<ulong>();
        for (var now = 0L; now < 20_000; now += 1_000)
            foreach (var operation in operations.Take(guest.Next(operations, now)))
                Assert.True(tokens.Add(operation.Value), $"{operation.Value:x} twice");
        Assert.InRange(tokens.Count, 64 + 1_000, 64 + 2_000);
    }

    private static IPacedGuestProgram Create(GuestSpec spec, int vcpu, int vcpus) => spec.Create(7, 1, vcpu, vcpus, RamBase, PageSize);
}
