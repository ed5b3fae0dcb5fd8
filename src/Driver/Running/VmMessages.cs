using Livebed.Driver.Campaigns;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>What the grains are told of the VMs of a campaign and of their migrations, from its settings.</summary>
internal sealed class VmMessages(Campaign campaign)
{
    private const int HotplugAccessPercent = 10;

    /// <summary>A link breaks under one of so many chunks, so early that also a small VM is not whole yet.</summary>
    private const int ChunksBeforeBreak = 4;
    private const int LostAnswersMax = 3;

    public VmMessage MessageOf(VmSettings settings, string key, int host, int ordinal)
    {
        var options = new VmOptions(
            key, ordinal, campaign.Protocol, Fleet.MutantOf(campaign), campaign.MmuLock == MmuLockFlavour.Spin, settings.DirtyLog,
            settings.RingEntries)
        {
            HasAccessedBits = settings.AccessedBits,
            Architecture = settings.Architecture,
        };
        return new VmMessage(
            options, ActorKeys.Host(host), ordinal, settings.Vcpus, settings.RamPages, settings.Memslots, settings.HotplugPages,
            campaign.PageSize, Fleet.ScratchPages, settings.Mergeable, settings.TlbEntries, campaign.Limits.FaultRetries,
            (ulong)campaign.Seed!.Value,
            GuestOf(settings), campaign.HostEvents.RefusesNonBlockable);
    }

    public MigrationRequest RequestOf(VmSlot slot, int host, string key, int ordinal, MigrationFaults faults)
    {
        List<HvaRange> blocks = [new(VmLayout.RamHva, slot.Settings.RamPages)];
        if (slot.Settings.HotplugPages > 0) blocks.Add(new HvaRange(VmLayout.HotplugHva, slot.Settings.HotplugPages));

        // The epoch is the inventory's, which the source's grain asks.
        var setup = new MigrationSetup(
            ordinal, slot.Name, 0, ActorKeys.Host(slot.Host), ActorKeys.Host(host), ordinal, blocks,
            campaign.PageSize);
        return new MigrationRequest(setup, campaign.Migrations.Parameters, key, MessageOf(slot.Settings, key, host, ordinal))
        {
            Faults = faults,
        };
    }

    /// <summary>What the network will do to the next migration.</summary>
    public MigrationFaults FaultsOf(SeededRandom random)
    {
        var migrations = campaign.Migrations;
        if (migrations is { LinkBreakShare: 0, LostAnswerShare: 0, Jitter.Ticks: 0 }) return MigrationFaults.None;
        var breaks = random.Chance(migrations.LinkBreakShare) ? 1 + random.Next(2) : 0;
        return new MigrationFaults
        {
            LinkBreaks = [.. Enumerable.Range(0, breaks).Select(_ => random.Next(ChunksBeforeBreak))],
            LostAnswers = random.Chance(migrations.LostAnswerShare) ? 1 + random.Next(LostAnswersMax) : 0,
            JitterMicroseconds = (long)migrations.Jitter.TotalMicroseconds,
            Seed = random.NextUInt64(),
        };
    }

    private static GuestSpec GuestOf(VmSettings settings)
    {
        var guest = settings.Guest;
        var content = settings.Content;
        GuestSpec spec = guest.ReplaysTrace
            ? new TraceGuestSpec(guest.TracePath, guest.Speed, guest.ReadPercent, content.ZeroPercent, content.RepeatedPercent)
            : new SyntheticGuestSpec(
                guest.BytesPerVcpu, guest.WritePercent, guest.Order == AccessOrder.Random, guest.Access == AccessLayout.Overlapping,
                guest.Stride,
                (int)guest.Rate, settings.HotplugPages > 0 ? new(VmLayout.HotplugGfn, settings.HotplugPages) : null,
                settings.HotplugPages > 0 ? HotplugAccessPercent : 0, content.ZeroPercent, content.RepeatedPercent);
        return spec with { Populate = guest.Populate };
    }
}
