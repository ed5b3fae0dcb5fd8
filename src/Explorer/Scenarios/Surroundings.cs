using Livebed.Explorer.Beds;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>
/// What nearly every scenario can be varied by beside its own parameters: memslots that RAM is cut into, the size of a page of SPTEs, other
/// VMs on the host, where counters begin, and how late a vCPU hears of its fault's end. Defects at the border of two memslots or of two
/// table pages, and at a wrap, show only there. What is not set is drawn from the seed of the schedule: two in five schedules have the
/// plain scene, the others vary it. The scene of seed 0 is the plain one.
/// </summary>
/// <param name="Slots">memslots of RAM, if it has as many pages</param>
/// <param name="Table">SPTEs of a table page, by number</param>
/// <param name="Vms">VMs on the host, the scenario's own one included</param>
/// <param name="Start">what counters begin with, by number</param>
/// <param name="Replies">1: the end of a fault reaches the vCPU at once, 2: others may run meanwhile</param>
public readonly record struct Surroundings(int Slots, int Table, int Vms, int Start, int Replies)
{
    private const int Drawn = 0;
    private const int SlotsMax = 3;
    private const int VmsMax = 3;
    private const int TouchedPages = 2;
    private const ulong Salt = 0x5355_5252UL;

    private static readonly Surroundings _plain = new(Slots: 1, Table: 2, Vms: 1, Start: 1, Replies: 1);
    private static readonly int[] _entriesPerTable = [1, 2, 4, 512];

    // Two steps before each wrap: of a signed and an unsigned word, of a signed and an unsigned double word.
    private static readonly ulong[] _countersFrom = [0, int.MaxValue - 1UL, uint.MaxValue - 1UL, long.MaxValue - 1UL, ulong.MaxValue - 1UL];

    /// <summary>The parameters by which they are set; 0, the default, draws.</summary>
    public static IReadOnlyList<ScenarioParameter> Parameters { get; } =
    [
        new("slots", "memslots of RAM, one after the other; 0: drawn from the seed", Drawn, 0, SlotsMax),
        new("table", "SPTEs of a table page: 1: 1, 2: 2, 3: 4, 4: 512; 0: drawn from the seed", Drawn, 0, _entriesPerTable.Length),
        new("vms", "VMs on the host; 0: drawn from the seed", Drawn, 0, VmsMax),
        new(
            "start", "counters begin 1: at 0, 2 to 5: before 2^31, 2^32, 2^63, 2^64; 0: drawn from the seed", Drawn, 0,
            _countersFrom.Length),
        new("replies", "the end of a fault reaches its vCPU 1: at once, 2: later; 0: drawn from the seed", Drawn, 0, 2),
    ];

    private int EntriesPerTable => _entriesPerTable[Table - 1];
    private ulong CountersFrom => _countersFrom[Start - 1];

    /// <param name="parameters">what is set</param>
    /// <param name="seed">of the schedule; 0 for the plain scene</param>
    internal static Surroundings Of(IReadOnlyDictionary<string, int> parameters, ulong seed)
    {
        var drawn = Draw(seed);
        return new Surroundings(
            SetOr("slots", drawn.Slots), SetOr("table", drawn.Table), SetOr("vms", drawn.Vms), SetOr("start", drawn.Start),
            SetOr("replies", drawn.Replies));

        int SetOr(string name, int otherwise) =>
            parameters.TryGetValue(name, out var value) && value != Drawn ? value : otherwise;
    }

    internal int ValueOf(string parameter) => parameter switch
    {
        "slots" => Slots,
        "table" => Table,
        "vms" => Vms,
        "replies" => Replies,
        _ => Start,
    };

    /// <summary>Puts them around the scene. Memslots that the scenario has cut itself stay, and a host whose VMs migrate or die has no
    /// others but those of the scenario.</summary>
    internal void Surround(ScenarioPlan plan)
    {
        var options = plan.Options;
        var others = options.Hosts == 1 ? Vms - 1 : 0;
        if (options.OtherVms > 0) others = 0;
        var touched = Math.Min(TouchedPages, options.RamPages);
        plan.Options = options with
        {
            RamSlots = options.RamSlots == 1 ? Math.Min(Slots, options.RamPages) : options.RamSlots,
            SptesPerTable = EntriesPerTable,
            CountersFrom = CountersFrom,
            HasLateReplies = Replies == 2,
            OtherVms = options.OtherVms + others,
            Frames = options.Frames + others * touched,
        };
        for (var other = 1; other <= others; other++) AddNeighbour(plan, other, touched);
    }

    private static Surroundings Draw(ulong seed)
    {
        var random = new SeededRandom(SeededRandom.Mix(seed ^ Salt));
        if (seed == 0 || random.Chance(0.4)) return _plain;
        return new Surroundings(
            1 + random.Next(SlotsMax),
            random.Chance(0.5) ? _plain.Table : 1 + random.Next(_entriesPerTable.Length),
            random.Chance(0.75) ? 1 : 2 + random.Next(VmsMax - 1),
            random.Chance(0.5) ? 1 : 1 + random.Next(_countersFrom.Length),
            random.Chance(0.75) ? 1 : 2);
    }

    /// <summary>Another process of the host with its VM, whose memory goes and comes while the scene is played.</summary>
    private static void AddNeighbour(ScenarioPlan plan, int vm, int pages)
    {
        plan.Before(async stage => await TouchAsync(stage.Bed.Vms[vm], pages));
        plan.Actor($"neighbour-{vm}")
            .InHost($"dont-need page 0 of vm-{vm + 1}", async stage =>
            {
                var other = stage.Bed.Vms[vm];
                await Bed.RunEventAsync(
                    other.Host, stage.Bed.NewOperation(HostEventKind.DontNeed), other.AddressSpaceId, VmLayout.RamHva, 1);
            })
            .InVm($"page 0 of vm-{vm + 1} is faulted in", async stage => await TouchAsync(stage.Bed.Vms[vm], pages: 1));
    }

    private static async ValueTask TouchAsync(BedVm vm, int pages)
    {
        for (var page = 0; page < pages; page++) await vm.TouchAsync(BedVm.RamGfn(page), write: true);
    }
}
