using Livebed.Driver.Campaigns;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Guests;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>
/// The VMs of a campaign and their hosts: it makes them, finds a free one for an operation, makes the next incarnation of a dead one, and
/// chooses the destination of a migration. No host ever gets more guest pages than it has frames. Safe from any thread.
/// </summary>
internal sealed class Fleet
{
    /// <summary>Pages of each process outside of every memslot, where spurious ranges fall.</summary>
    public const int ScratchPages = 1024;

    private readonly Campaign _campaign;
    private readonly VmMessages _messages;
    private readonly IGrainFactory _grains;
    private readonly OperationIds _ids;
    private readonly Lock _gate = new();
    private readonly List<VmSlot> _slots = [];
    private readonly List<IHostMmuGrain> _hosts = [];
    private readonly long[] _pagesOfHost;
    private readonly HashSet<int> _closed = [];
    private readonly HashSet<int> _gone = [];
    private readonly int[] _deaths;
    private readonly List<(int Host, int Death, LostVmResult Vm)> _lost = [];
    private int _ordinal;
    private long _notMade;

    public Fleet(Campaign campaign, IGrainFactory grains, OperationIds ids)
    {
        _campaign = campaign;
        _messages = new VmMessages(campaign);
        _grains = grains;
        _ids = ids;
        for (var kind = 0; kind < campaign.Vms.Count; kind++)
            for (var i = 0; i < campaign.Vms[kind].Count; i++)
                _slots.Add(new VmSlot(_slots.Count, CampaignMemory.HostOf(_slots.Count, campaign.Silos), campaign.Vms[kind], kind));
        _deaths = new int[campaign.Silos];
        _pagesOfHost = CampaignMemory.PagesPerHost(campaign);
        for (var host = 0; host < campaign.Silos; host++) _hosts.Add(grains.GetGrain<IHostMmuGrain>(ActorKeys.Host(host)));
    }

    public IReadOnlyList<VmSlot> Slots => _slots;

    /// <summary>Those that are there; a host whose silo has left is not.</summary>
    public IReadOnlyList<IHostMmuGrain> Hosts
    {
        get
        {
            lock (_gate) return _gone.Count == 0 ? _hosts : [.. _hosts.Where((_, host) => !_gone.Contains(host))];
        }
    }

    public IHostMmuGrain HostOf(int host) => _hosts[host];

    /// <summary>Which host owns a VM.</summary>
    public IInventoryGrain Inventory => _grains.GetGrain<IInventoryGrain>(ActorKeys.Inventory);

    public string KindName(int kind) => _campaign.Vms[kind].Name;

    public static Mutant? MutantOf(Campaign campaign) => Mutant.Find(campaign.Mutant);

    /// <summary>Makes all VMs and then lets their guests begin, so that the first do not take the processors from those that are still to
    /// be made, nor are late when the last is there.</summary>
    /// <param name="created">told how many VMs there are, after each</param>
    public async Task BringUpAsync(Action<int>? created = null)
    {
        await Task.WhenAll(Enumerable.Range(0, _hosts.Count).Select(ConfigureAsync));

        // Ordinals are draws: they are those of the places, whoever comes up first.
        var first = _ordinal;
        _ordinal += _slots.Count;
        await ManyVms.EachAsync(_slots, slot => CreateAsync(slot, first + slot.Index + 1, startsStopped: true), created);
        await ManyVms.ContAsync([.. _slots.Select(slot => slot.Grain)], () => new Operation(_ids.Next(), OperationKind.VmCreate));
    }

    private Task ConfigureAsync(int host) => _hosts[host].ConfigureAsync(new HostMessage(
        ActorKeys.Host(host), (int)_campaign.FramesPerHost, _campaign.PageSize, MutantOf(_campaign), _campaign.Migrations.LinkBandwidth))
        .AsTask();

    /// <summary>Makes the next incarnation in the slot of a VM that is gone. Not where the VM was lost with its host: that place waits for
    /// <see cref="ReviveAsync"/>.</summary>
    public Task CreateAsync(VmSlot slot)
    {
        lock (_gate)
        {
            if (slot.IsLost) return Task.CompletedTask;
            if (_ordinal + 1 < PageContent.MaxVms) return CreateAsync(slot, ++_ordinal);
            _notMade++;
            return Task.CompletedTask;
        }
    }

    /// <summary>Bounds that it came to.</summary>
    public IReadOnlyList<LimitHit> LimitsHit()
    {
        lock (_gate)
        {
            return _notMade == 0
                ? []
                : [new("vms", _notMade, $"a run makes at most {PageContent.MaxVms - 1} VMs, "
                    + $"counting each again that was torn down or moved")];
        }
    }

    private async Task CreateAsync(VmSlot slot, int ordinal, bool startsStopped = false)
    {
        lock (_gate)
        {
            slot.Incarnation++;
            slot.Forget();
            if (_closed.Contains(slot.Host) && DestinationsOf(slot) is [var open, ..])
            {
                _pagesOfHost[slot.Host] -= CampaignMemory.PagesOf(slot.Settings);
                _pagesOfHost[open] += CampaignMemory.PagesOf(slot.Settings);
                slot.Host = open;
            }

            slot.Name = FormattableString.Invariant($"vm-{slot.Index}.{slot.Incarnation}");
            Assign(slot, ActorKeys.Vm(slot.Index, slot.Incarnation, slot.Host), slot.Host, ordinal);
            slot.Exists = true;
        }

        var op = new Operation(_ids.Next(), OperationKind.VmCreate);
        var message = _messages.MessageOf(slot.Settings, slot.Key, slot.Host, ordinal);
        if (startsStopped) message = message with { Options = message.Options with { StartsStopped = true } };
        try
        {
            if (!await ActorStart.TryAsync(() => slot.Grain.CreateAsync(OperationMessage.From(op), message)))
                throw new BedException($"{slot.Key} could not be created: its activation kept going away");
        }
        catch (SiloKilledException)
        {
            lock (_gate) (slot.IsLost, slot.Exists) = (true, false);
            throw;
        }

        lock (_gate) slot.IsUp = !slot.IsLost;
    }

    /// <summary>The host dies with its silo: nothing is done there until it is back, and its VMs are lost, but for those that migrate. Of
    /// these their migrations say where they are.</summary>
    public void HostDies(int host)
    {
        lock (_gate)
        {
            _deaths[host]++;
            _closed.Add(host);
            _gone.Add(host);
            foreach (var slot in _slots.Where(slot => slot.Exists && slot.Host == host))
            {
                if (slot.Migrates) slot.IsInDoubt = true;
                else LoseHere(slot, host);
            }
        }
    }

    /// <summary>How often the host has died.</summary>
    public int DeathsOf(int host)
    {
        lock (_gate) return _deaths[host];
    }

    /// <summary>The VM of a migration died with the host where it was then.</summary>
    /// <param name="slot">its place</param>
    /// <param name="host">the host</param>
    public void Lose(VmSlot slot, int host)
    {
        lock (_gate) LoseHere(slot, host);
    }

    /// <summary>The VMs that went with a death of a host.</summary>
    public IReadOnlyList<LostVmResult> LostOf(int host, int death)
    {
        lock (_gate) return [.. _lost.Where(entry => entry.Host == host && entry.Death == death).Select(entry => entry.Vm)];
    }

    /// <summary>Whether one of the two hosts has died since the migration began.</summary>
    public bool HasSourceDied(VmMove move) => DeathsOf(move.Source) != move.SourceDeaths;

    /// <inheritdoc cref="HasSourceDied"/>
    public bool HasDestinationDied(VmMove move) => DeathsOf(move.Destination) != move.DestinationDeaths;

    /// <summary>Another silo has the place of the dead one: its host begins empty.</summary>
    public async Task HostIsBackAsync(int host)
    {
        await ConfigureAsync(host);
        lock (_gate)
        {
            _closed.Remove(host);
            _gone.Remove(host);
        }
    }

    /// <summary>A VM that migrates may have been lost with the host.</summary>
    public bool IsInDoubt(int host)
    {
        lock (_gate) return _slots.Exists(slot => slot.Migrates && slot.Host == host && (slot.IsInDoubt || slot.IsLost));
    }

    /// <summary>Makes a VM in each place of the host whose VM was lost, and is not in a migration any more.</summary>
    public async Task ReviveAsync(int host)
    {
        List<(VmSlot Slot, int Ordinal)> lost = [];
        lock (_gate)
        {
            foreach (var slot in _slots.Where(slot => slot.IsLost && !slot.Migrates && slot.Host == host))
            {
                if (_ordinal + 1 >= PageContent.MaxVms)
                {
                    _notMade++;
                    continue;
                }

                slot.IsLost = false;
                lost.Add((slot, ++_ordinal));
            }
        }

        await ManyVms.EachAsync(lost, one => CreateAsync(one.Slot, one.Ordinal));
    }

    private void LoseHere(VmSlot slot, int host)
    {
        (slot.IsUp, slot.Exists, slot.IsLost, slot.IsInDoubt) = (false, false, true, false);
        _lost.Add((host, _deaths[host], new LostVmResult(slot.DisplayName, slot.Key)));
    }

    /// <summary>A slot drawn at random among those that are up, on a host that lives, and pass the test; the test may mark it as
    /// taken.</summary>
    public VmSlot? Take(SeededRandom random, Func<VmSlot, bool> tryTake)
    {
        lock (_gate)
        {
            var first = random.Next(_slots.Count);
            for (var i = 0; i < _slots.Count; i++)
            {
                var slot = _slots[(first + i) % _slots.Count];
                if (slot is { IsUp: true, IsInDoubt: false } && tryTake(slot)) return slot;
            }

            return null;
        }
    }

    public void Release(Action change)
    {
        lock (_gate) change();
    }

    /// <summary>
    /// The next migration: of the VM that has migrated least among those that are free for one and have somewhere to go, of several the one
    /// drawn. Its room at the destination is kept until <see cref="EndMove"/>. Null when there is none.
    /// </summary>
    /// <param name="random">draws the VM and the host</param>
    /// <param name="isWanted">which VMs may go; null for all that migrate in this campaign</param>
    public VmMove? BeginMove(SeededRandom random, Func<VmSlot, bool>? isWanted = null)
    {
        lock (_gate)
        {
            var first = random.Next(_slots.Count);
            var slot = Enumerable.Range(0, _slots.Count).Select(i => _slots[(first + i) % _slots.Count])
                .Where(candidate => candidate is { IsUp: true, Migrates: false, DirtyLogBusy: false })
                .Where(candidate => isWanted?.Invoke(candidate) ?? CampaignMemory.Migrates(candidate.Settings))
                .OrderBy(candidate => candidate.Migrations)
                .FirstOrDefault(candidate => DestinationsOf(candidate).Count > 0);
            if (slot is null) return null;
            if (_ordinal + 1 >= PageContent.MaxVms)
            {
                _notMade++;
                return null;
            }

            var destinations = DestinationsOf(slot);
            var host = destinations[_campaign.Migrations.PingPong && isWanted is null ? 0 : random.Next(destinations.Count)];
            var ordinal = ++_ordinal;
            var key = ActorKeys.Vm(slot.Index, ++slot.Incarnation, host);
            slot.Migrates = slot.DirtyLogBusy = true;
            slot.Migrations++;
            _pagesOfHost[host] += CampaignMemory.PagesOf(slot.Settings);

            // The VM's grain closes the session that may be open.
            (slot.DirtyLogEnabled, slot.DirtyLogVerifyDue, slot.DirtyLogRounds) = (false, false, 0);
            return new VmMove(
                slot, slot.Host, host, slot.Key, key, ordinal, slot.Grain, _grains.GetGrain<IVmGrain>(key),
                _messages.RequestOf(slot, host, key, ordinal, _messages.FaultsOf(random)))
            {
                SourceDeaths = _deaths[slot.Host],
                DestinationDeaths = _deaths[host],
            };
        }
    }

    /// <summary>No VM comes to this host any more; its silo was asked to end.</summary>
    public void CloseHost(int host)
    {
        lock (_gate) _closed.Add(host);
    }

    /// <summary>The host has gone with its silo, and nothing of the run was on it.</summary>
    public void ForgetHost(int host)
    {
        lock (_gate) _gone.Add(host);
    }

    /// <summary>The VM runs at the destination, though pages of it may still be on their way: from now on it is found there.</summary>
    public void Follow(VmMove move)
    {
        lock (_gate)
        {
            if (move.HasFollowed) return;
            move.Slot.Departing = move.From;
            Assign(move.Slot, move.Key, move.Destination, move.Ordinal);
        }
    }

    /// <summary>Nothing of the VM is left on the host where it is not.</summary>
    public void EndMove(VmMove move)
    {
        lock (_gate)
        {
            _pagesOfHost[move.HasFollowed ? move.Source : move.Destination] -= CampaignMemory.PagesOf(move.Slot.Settings);

            // Memslots leave a migration without a log of their own.
            move.Slot.HotplugLogged = false;
            move.Slot.Departing = null;

            // Where its migration did not find it lost or gone over, it was on the host that died.
            if (move.Slot is { IsInDoubt: true, Exists: true } && move.Slot.Host == move.Source && HasSourceDied(move))
                LoseHere(move.Slot, move.Source);
            move.Slot.IsInDoubt = false;
            move.Slot.Migrates = move.Slot.DirtyLogBusy = false;
        }
    }

    /// <summary>All grains that report on VMs; for a VM in post-copy, both sides.</summary>
    public IReadOnlyList<(string Key, IVmGrain Grain)> Grains()
    {
        lock (_gate)
        {
            return
            [
                .. _slots.Where(slot => slot.Exists).SelectMany(slot => slot.Departing is { } departing
                    ? new[] { (slot.Key, slot.Grain), (departing.GetPrimaryKeyString(), departing) }
                    : [(slot.Key, slot.Grain)]),
            ];
        }
    }

    public IReadOnlyList<VmSlot> Existing()
    {
        lock (_gate) return _slots.Where(slot => slot.Exists).ToList();
    }

    /// <summary>Hosts with room for the VM, those after its own first.</summary>
    private List<int> DestinationsOf(VmSlot slot) =>
    [
        .. Enumerable.Range(1, _hosts.Count - 1).Select(step => (slot.Host + step) % _hosts.Count)
            .Where(host => !_closed.Contains(host))
            .Where(host => _pagesOfHost[host] + CampaignMemory.PagesOf(slot.Settings) <= _campaign.FramesPerHost),
    ];

    private void Assign(VmSlot slot, string key, int host, int ordinal)
    {
        (slot.Key, slot.Host, slot.AddressSpaceId) = (key, host, ordinal);
        (slot.Grain, slot.HostGrain) = (_grains.GetGrain<IVmGrain>(key), _hosts[host]);
    }
}
