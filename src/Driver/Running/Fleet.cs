using Livebed.Driver.Campaigns;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Mutants;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>
/// The VMs of a campaign and their hosts: makes them, finds one that is free for an operation, and makes the next incarnation of one that
/// died. Safe from any thread.
/// </summary>
internal sealed class Fleet
{
    /// <summary>Pages of each process outside of every memslot, where spurious ranges fall.</summary>
    public const int ScratchPages = 1024;

    private const int HotplugAccessPercent = 10;

    private readonly Campaign _campaign;
    private readonly IGrainFactory _grains;
    private readonly OperationIds _ids;
    private readonly Lock _gate = new();
    private readonly List<VmSlot> _slots = [];
    private readonly List<IHostMmuGrain> _hosts = [];
    private int _ordinal;

    public Fleet(Campaign campaign, IGrainFactory grains, OperationIds ids)
    {
        _campaign = campaign;
        _grains = grains;
        _ids = ids;
        foreach (var settings in campaign.Vms)
            for (var i = 0; i < settings.Count; i++)
                _slots.Add(new VmSlot(_slots.Count, CampaignMemory.HostOf(_slots.Count, campaign.Silos), settings));
        for (var host = 0; host < campaign.Silos; host++) _hosts.Add(grains.GetGrain<IHostMmuGrain>(ActorKeys.Host(host)));
    }

    public IReadOnlyList<VmSlot> Slots => _slots;
    public IReadOnlyList<IHostMmuGrain> Hosts => _hosts;

    public static Mutant MutantOf(Campaign campaign) => MutantCatalog.Find(campaign.Mutant)?.Id ?? Mutant.None;

    public async Task BringUpAsync()
    {
        var mutant = MutantOf(_campaign);
        await Task.WhenAll(_hosts.Select((host, index) => host.ConfigureAsync(
            new HostMessage(ActorKeys.Host(index), (int)_campaign.FramesPerHost, _campaign.PageSize, mutant)).AsTask()));
        await Task.WhenAll(_slots.Select(CreateAsync));
    }

    /// <summary>Makes the next incarnation in a slot whose VM is gone.</summary>
    public async Task CreateAsync(VmSlot slot)
    {
        int ordinal;
        lock (_gate)
        {
            // 16 bits of every token are the VM: a run makes at most 65535.
            ordinal = ++_ordinal;
            if (ordinal >= PageContent.MaxVms) return;
            slot.Incarnation++;
            slot.Forget();
            slot.Key = ActorKeys.Vm(slot.Index, slot.Incarnation, slot.Host);
            slot.Grain = _grains.GetGrain<IVmGrain>(slot.Key);
            slot.HostGrain = _hosts[slot.Host];
            slot.AddressSpaceId = ordinal;
            slot.Exists = true;
        }

        var op = new Operation(_ids.Next(), OperationKind.VmCreate);
        await slot.Grain.CreateAsync(OperationMessage.From(op), MessageOf(slot, ordinal));
        lock (_gate) slot.IsUp = true;
    }

    /// <summary>A slot drawn at random among those that are up and pass the test; the test may mark it as taken.</summary>
    public VmSlot? Take(SeededRandom random, Func<VmSlot, bool> tryTake)
    {
        lock (_gate)
        {
            var first = random.Next(_slots.Count);
            for (var i = 0; i < _slots.Count; i++)
            {
                var slot = _slots[(first + i) % _slots.Count];
                if (slot.IsUp && tryTake(slot)) return slot;
            }

            return null;
        }
    }

    public void Release(Action change)
    {
        lock (_gate) change();
    }

    public IReadOnlyList<VmSlot> Existing()
    {
        lock (_gate) return _slots.Where(slot => slot.Exists).ToList();
    }

    private VmMessage MessageOf(VmSlot slot, int ordinal)
    {
        var settings = slot.Settings;
        var mode = settings.DirtyLog;
        var options = new VmOptions(
            slot.Key, ordinal, _campaign.Protocol, MutantOf(_campaign), _campaign.MmuLock == MmuLockFlavour.Spin, mode, settings.RingEntries);
        return new VmMessage(
            options, ActorKeys.Host(slot.Host), slot.AddressSpaceId, settings.Vcpus, settings.RamPages, settings.Memslots, settings.HotplugPages,
            _campaign.PageSize, ScratchPages, settings.Mergeable, settings.TlbEntries, _campaign.Limits.FaultRetries, (ulong)_campaign.Seed!.Value,
            GuestOf(settings), _campaign.HostEvents.RefusesNonBlockable);
    }

    private static GuestSpec GuestOf(VmSettings settings)
    {
        var guest = settings.Guest;
        var content = settings.Content;
        return guest.ReplaysTrace
            ? new TraceGuestSpec(guest.TracePath, guest.Speed, guest.ReadPercent, content.ZeroPercent, content.RepeatedPercent)
            : new SyntheticGuestSpec(
                guest.BytesPerVcpu, guest.WritePercent, guest.Order == AccessOrder.Random, guest.Access == AccessLayout.Overlapping, guest.Stride,
                (int)guest.Rate, settings.HotplugPages > 0 ? new(VmLayout.HotplugGfn, settings.HotplugPages) : null,
                settings.HotplugPages > 0 ? HotplugAccessPercent : 0, content.ZeroPercent, content.RepeatedPercent);
    }
}
