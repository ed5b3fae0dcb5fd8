using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;

namespace Livebed.Kvm.Tests.Host;

public class GuestMemoryTests
{
    [Fact]
    public void A_read_through_the_right_translation_finds_the_newest_value_and_violates_nothing() => Run(async rig =>
    {
        await rig.WriteAsync(HostRig.Ram, 7);
        await rig.WriteAsync(HostRig.Ram, 8);
        await rig.ReadAsync(HostRig.Ram);
        await rig.ReadAsync(HostRig.Ram + 1);

        Assert.Empty(rig.Violations);
        Assert.Equal(2, rig.Host.Counters.GuestReads);
        Assert.Equal(2, rig.Host.Counters.GuestWrites);
        // Two for each access, one for each page that a fault gives back, and one for the second page's PTE.
        Assert.Equal(13, rig.Host.Counters.ChecksEvaluated);
    });

    [Fact]
    public void A_stale_write_violates_S1_names_the_new_owner_and_is_not_performed() => Run(async rig =>
    {
        var stale = await rig.WriteAsync(HostRig.Ram, 7);
        await rig.RunAsync(HostEventKind.DontNeed, HostRig.Ram, 1);
        var reused = await rig.WriteAsync(HostRig.Ram + 5, 55);
        Assert.Equal(stale, reused);

        await rig.ExecuteAsync(GuestAccessKind.Write, HostRig.Ram, stale, 666);

        var violation = Assert.Single(rig.World.Recorded.Violations);
        Assert.Equal(Invariants.NoStaleTranslation, violation.Invariant);
        Assert.Contains("last by mm-0 at hva 0x105", violation.Message);
        Assert.Equal(55UL, rig.FirstWord(reused));
    });

    [Fact]
    public void A_stale_read_of_a_freed_frame_violates_S1_and_says_that_it_is_free() => Run(async rig =>
    {
        var stale = await rig.WriteAsync(HostRig.Ram, 7);
        await rig.RunAsync(HostEventKind.Unmap, HostRig.Ram, 1);

        await rig.ExecuteAsync(GuestAccessKind.Read, HostRig.Ram, stale);

        var violation = Assert.Single(rig.World.Recorded.Violations);
        Assert.Equal(Invariants.NoStaleTranslation, violation.Invariant);
        Assert.Contains("that frame is free", violation.Message);
    });

    [Fact]
    public void An_access_through_a_prot_none_or_swapped_page_violates_S1() => Run(async rig =>
    {
        var hinted = await rig.WriteAsync(HostRig.Ram, 7);
        var swapped = await rig.WriteAsync(HostRig.Ram + 1, 8);
        await rig.RunAsync(HostEventKind.NumaBalancing, HostRig.Ram, 1);
        await rig.RunAsync(HostEventKind.Reclaim, HostRig.Ram + 1, 1);

        await rig.ExecuteAsync(GuestAccessKind.Read, HostRig.Ram, hinted);
        await rig.ExecuteAsync(GuestAccessKind.Read, HostRig.Ram + 1, swapped);

        Assert.Equal([Invariants.NoStaleTranslation, Invariants.NoStaleTranslation], rig.Violations);
    });

    [Fact]
    public void A_write_through_a_read_only_pte_violates_S12_and_is_not_performed() => Run(async rig =>
    {
        var pfn = await rig.WriteAsync(HostRig.Ram, 7);
        await rig.RunAsync(HostEventKind.Mprotect, HostRig.Ram, 1);

        await rig.ExecuteAsync(GuestAccessKind.Write, HostRig.Ram, pfn, 8);

        Assert.Equal([Invariants.Permission], rig.Violations);
        Assert.Equal(7UL, rig.FirstWord(pfn));
    });

    [Fact]
    public void Either_word_of_a_page_that_is_not_the_newest_value_violates_the_oracle() => Run(async rig =>
    {
        var pfn = await rig.WriteAsync(HostRig.Ram, 7);
        rig.Host.Frames.Bytes(pfn)[^1] ^= 1;
        await rig.ExecuteAsync(GuestAccessKind.Read, HostRig.Ram, pfn);
        rig.Host.Frames.Bytes(pfn)[^1] ^= 1;
        rig.Host.Frames.Bytes(pfn)[0] ^= 1;
        await rig.ExecuteAsync(GuestAccessKind.Read, HostRig.Ram, pfn);

        Assert.Equal([Invariants.GuestMemory, Invariants.GuestMemory], rig.Violations);
    });

    [Fact]
    public void A_batch_goes_on_after_a_refused_access() => Run(async rig =>
    {
        var pfn = await rig.WriteAsync(HostRig.Ram, 7);
        var batch = new GuestAccess[600];
        for (var i = 0; i < batch.Length; i++)
            batch[i] = new GuestAccess(new Gfn(0), HostRig.Ram, i == 300 ? new Pfn(99) : pfn, GuestAccessKind.Write, (ulong)i);

        await rig.Mm.GuestMemory.ExecuteAsync(batch);

        Assert.Equal([Invariants.NoStaleTranslation], rig.Violations);
        Assert.Equal(599UL, rig.FirstWord(pfn));
    });

    [Fact]
    public void Pages_written_since_their_copy_and_not_in_the_bitmap_are_named() => Run(async rig =>
    {
        var range = new HvaRange(HostRig.Ram, 8);
        for (var i = 0; i < 4; i++) await rig.WriteAsync(HostRig.Ram + i, 1);
        await rig.Host.Process(0).CopyPagesAsync(rig.Op(), PageSet.All(range));
        Assert.Empty(await rig.Host.Process(0).ChangedSinceCopyAsync(rig.Op(), new PageSet(range)));

        await rig.WriteAsync(HostRig.Ram + 1, 1);
        Assert.True(await rig.Host.Process(0).WriteUserAsync(rig.Op(), HostRig.Ram + 2, new Gfn(0), 9));
        await rig.WriteAsync(HostRig.Ram + 3, 1);
        await rig.Host.Process(0).CopyPagesAsync(rig.Op(), PageSet.FromWords(range, [0b1000]));

        Assert.Equal([HostRig.Ram + 1, HostRig.Ram + 2], await rig.Host.Process(0).ChangedSinceCopyAsync(rig.Op(), new PageSet(range)));
        Assert.Equal([HostRig.Ram + 1], await rig.Host.Process(0).ChangedSinceCopyAsync(rig.Op(), PageSet.FromWords(range, [0b0100])));
        await rig.ReadAsync(HostRig.Ram + 2);
        Assert.Empty(rig.Violations);
    });

    [Fact]
    public void An_audit_names_sptes_that_the_page_table_does_not_bear_out_unless_a_range_is_open() => Run(async rig =>
    {
        var pfn = await rig.WriteAsync(HostRig.Ram, 1);
        var zero = (await rig.TouchAsync(HostRig.Ram + 1, write: false)).Pfn;
        Livebed.Kvm.Host.AuditedSpte[] sptes =
        [
            new(HostRig.Ram, pfn, true), new(HostRig.Ram + 1, zero, false), new(HostRig.Ram + 1, zero, true),
            new(HostRig.Ram + 2, pfn, false), new(new Hva(0x999), pfn, false), new(HostRig.Ram, zero, false),
        ];
        Assert.Equal([2, 3, 4, 5], await rig.Host.Process(0).AuditAsync(rig.Op(), sptes));

        var op = rig.Op(HostEventKind.HeldRange);
        await rig.Host.OpenRangeAsync(op, new Livebed.Kvm.Host.HostEvent(HostEventKind.HeldRange, 0, new HvaRange(HostRig.Ram, 2)));
        Assert.Equal([3, 4], await rig.Host.Process(0).AuditAsync(rig.Op(), sptes));
        await rig.Host.CloseRangeAsync(op);
        Assert.Equal([0, 2, 3, 4, 5], await rig.Host.Process(0).AuditAsync(rig.Op(), sptes));
    });

    private static void Run(Func<HostRig, Task> body)
    {
        var world = new TestWorld();
        var rig = new HostRig(world);
        world.Run(() => body(rig));
    }
}
