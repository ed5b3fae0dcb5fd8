using Livebed.Explorer.Beds;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Protocols;

/// <summary>kvm-protocol 2.7, I1 to I10: every protocol survives the interleaving, and what each part of it is there for shows when it is
/// left out.</summary>
public sealed class InterleavingTests
{
    private const int Schedules = 300;

    public static TheoryData<string> Protocols => [.. ProtocolCatalog.All.Select(entry => entry.Name)];

    [Theory]
    [MemberData(nameof(Protocols))]
    public void No_protocol_maps_what_is_being_invalidated(string protocol) =>
        AssertNeverBroken(seed => Interleavings.FaultsAgainstRanges(new BedOptions(protocol), seed));

    [Theory]
    [MemberData(nameof(Protocols))]
    public void No_protocol_maps_what_a_yielding_zap_has_zapped(string protocol)
    {
        var yields = 0L;
        AssertNeverBroken(seed => Interleavings.FaultsAgainstAZapThatYields(
            new BedOptions(protocol), seed, vm => yields += vm.Vm.Counters.MmuLockYields));
        Assert.True(yields > 0);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public void A_zap_that_yields_in_one_memslot_has_flushed_what_it_zapped_in_another(string protocol)
    {
        var yields = 0L;
        AssertNeverBroken(
            seed => Interleavings.RangesOverTwoMemslots(new BedOptions(protocol), seed, vm => yields += vm.Vm.Counters.MmuLockYields));
        Assert.True(yields > 0);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public void No_protocol_sees_other_memslots_at_the_end_than_at_the_start_if_it_minds(string protocol) =>
        AssertNeverBroken(seed => Interleavings.RangesAgainstMemslotUpdates(new BedOptions(protocol), seed));

    [Theory]
    [MemberData(nameof(Protocols))]
    public void No_protocol_hangs_or_leaks_when_a_VM_goes_inside_a_range(string protocol)
    {
        foreach (var order in Enum.GetValues<TeardownOrder>())
            AssertNeverBroken(seed => Interleavings.TeardownInsideARange(new BedOptions(protocol), order, seed));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public void No_protocol_lets_a_vCPU_write_a_merged_page(string protocol) =>
        AssertNeverBroken(seed => Interleavings.FaultsAgainstMerging(new BedOptions(protocol), seed));

    [Theory]
    [InlineData((int)Defect.None)]
    [InlineData((int)Defect.LocklessEnd)]
    public void The_textbook_protocol_is_right(int defect)
    {
        AssertNeverBroken(seed => Interleavings.FaultsAgainstRanges(With((Defect)defect), seed));
        AssertNeverBroken(seed => Interleavings.FaultsAgainstAZapThatYields(With((Defect)defect), seed));
        AssertNeverBroken(seed => Interleavings.RangesAgainstMemslotUpdates(With((Defect)defect), seed));
    }

    [Fact]
    public void I1_eliding_without_blocking_memslot_updates_unbalances_the_count() => AssertBroken(
        seed => Interleavings.RangesAgainstMemslotUpdates(With(Defect.ElidesWithoutBlocking), seed), Invariants.SameSlots,
        Invariants.Balance);

    [Fact]
    public void I2_without_the_sequence_a_page_is_mapped_after_it_was_freed() => AssertBroken(
        seed => Interleavings.FaultsAgainstRanges(With(Defect.IgnoresSequence), seed), Invariants.NoInstallUnderInvalidation);

    [Fact]
    public void I3_without_the_count_a_page_is_mapped_while_it_goes() => AssertBroken(
        seed => Interleavings.FaultsAgainstRanges(With(Defect.IgnoresCount), seed), Invariants.NoInstallUnderInvalidation);

    [Fact]
    public void I4_a_snapshot_after_the_lookup_misses_what_came_between() => AssertBroken(
        seed => Interleavings.FaultsAgainstRanges(new BedOptions("unconditional") { Mutant = Mutant.SnapshotAfterLookup }, seed),
        Invariants.NoInstallUnderInvalidation);

    [Fact]
    public void I5_a_count_that_drops_before_the_sequence_rises_leaves_a_gap() => AssertBroken(
        seed => Interleavings.FaultsAgainstRanges(With(Defect.CountDropsBeforeSequence), seed), Invariants.NoInstallUnderInvalidation);

    [Fact]
    public void I6_a_hull_that_comes_after_the_zap_lets_faults_in_when_the_zap_yields() => AssertBroken(
        seed => Interleavings.FaultsAgainstAZapThatYields(With(Defect.HullAfterZap), seed), Invariants.NoInstallUnderInvalidation);

    [Fact]
    public void I7_publishing_after_the_wait_lets_a_range_in_between() => AssertBroken(
        seed => Interleavings.RangesAgainstMemslotUpdates(new BedOptions("active-count") { Mutant = Mutant.PublishOutsideLock }, seed),
        Invariants.SameSlots);

    [Fact]
    public void I8_a_hull_forgotten_at_one_end_unprotects_the_other_range() => AssertBroken(
        seed => Interleavings.FaultsAgainstRanges(With(Defect.HullForgottenAtEveryEnd), seed), Invariants.NoInstallUnderInvalidation);

    [Theory]
    [InlineData("rwsem")]
    [InlineData("rwsem-unfair")]
    [InlineData("active-count")]
    [InlineData("gfn-range")]
    public void I9_without_the_reset_a_destroyer_of_the_same_process_never_returns(string protocol)
    {
        var options = new BedOptions(protocol) { Mutant = Mutant.NoResetAtDestroy };
        AssertBroken(seed => Interleavings.TeardownInsideARange(options, TeardownOrder.VmFirstShared, seed), Invariants.TeardownProgress);
        // Another process deletes no private memslots, so it does not meet what was left. A lock that a range holds is freed with the VM.
        if (protocol.StartsWith("rwsem", StringComparison.Ordinal))
            AssertBroken(seed => Interleavings.TeardownInsideARange(options, TeardownOrder.VmFirst, seed), Invariants.Teardown);
        else
            AssertNeverBroken(seed => Interleavings.TeardownInsideARange(options, TeardownOrder.VmFirst, seed));
    }

    [Fact]
    public void I10_the_reference_of_a_fault_is_what_makes_a_merge_give_up()
    {
        long pinned = 0, pinnedWithoutReference = 0;
        for (ulong seed = 1; seed <= Schedules; seed++)
        {
            Interleavings.FaultsAgainstMerging(new BedOptions("active-count"), seed, bed => pinned += bed.Host.Counters.KsmPinned);
            Interleavings.FaultsAgainstMerging(
                new BedOptions("active-count") { HostPort = port => new ForgetfulPort(port) }, seed,
                bed => pinnedWithoutReference += bed.Host.Counters.KsmPinned);
        }

        // Breaking copy on write holds a reference too, for a few steps; it is all that is left.
        Assert.True(pinned > 10 * pinnedWithoutReference, $"{pinned} against {pinnedWithoutReference}");
    }

    private static BedOptions With(Defect defect) =>
        new(nameof(TextbookProtocol)) { CustomProtocol = context => new TextbookProtocol(context, defect) };

    private static void AssertNeverBroken(Func<ulong, IReadOnlySet<string>> run)
    {
        for (ulong seed = 1; seed <= Schedules; seed++)
        {
            var broken = run(seed);
            Assert.True(broken.Count == 0, $"seed {seed}: {string.Join(", ", broken)}");
        }
    }

    private static void AssertBroken(Func<ulong, IReadOnlySet<string>> run, params string[] expected)
    {
        for (ulong seed = 1; seed <= 2_000; seed++)
            if (expected.Any(run(seed).Contains))
                return;
        Assert.Fail("no schedule broke it");
    }

    /// <summary>A KVM that gives the page back before it maps it.</summary>
    private sealed class ForgetfulPort(IHostPort inner) : IHostPort
    {
        public async ValueTask<HostPage> FaultInAsync(Operation op, Hva hva, bool write)
        {
            var page = await inner.FaultInAsync(op, hva, write);
            if (page.Status == HostPageStatus.Ok) await inner.PutPageAsync(op, page.Pfn);
            return page;
        }

        public ValueTask PutPageAsync(Operation op, Pfn pfn) => ValueTask.CompletedTask;
        public ValueTask<bool> WriteUserAsync(Operation op, Hva hva, Gfn gfn, ulong value) => inner.WriteUserAsync(op, hva, gfn, value);
        public ValueTask<bool> RegisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber) =>
            inner.RegisterNotifierAsync(op, subscriber);
        public ValueTask UnregisterNotifierAsync(Operation op, IMmuNotifierSubscriber subscriber) =>
            inner.UnregisterNotifierAsync(op, subscriber);
        public ValueTask CopyPagesAsync(Operation op, PageSet pages) =>
            inner.CopyPagesAsync(op, pages);

        public ValueTask<IReadOnlyList<Hva>> ChangedSinceCopyAsync(Operation op, PageSet dirty) =>
            inner.ChangedSinceCopyAsync(op, dirty);

        public ValueTask<IReadOnlyList<int>> AuditAsync(Operation op, ReadOnlyMemory<AuditedSpte> sptes) => inner.AuditAsync(op, sptes);
    }
}
