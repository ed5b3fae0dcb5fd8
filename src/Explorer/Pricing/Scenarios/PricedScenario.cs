using Livebed.Explorer.Pricing.Beds;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Pricing.Scenarios;

/// <summary>A figure of a scenario that a user may set.</summary>
/// <param name="Name">as the command line has it</param>
/// <param name="Meaning">with its unit</param>
/// <param name="Default">where it is not set</param>
/// <param name="Least">that is allowed</param>
/// <param name="Most">that is allowed</param>
/// <param name="IsShare">between 0 and 1, not a whole number</param>
public sealed record PricedParameter(string Name, string Meaning, double Default, double Least, double Most, bool IsShare = false);

/// <summary>What one run of a scenario is made with.</summary>
/// <param name="Protocol">a name of the protocol catalogue, or what results call a protocol of a user</param>
/// <param name="Prices">what steps cost</param>
public sealed record PricedSetup(string Protocol, PriceList Prices)
{
    /// <summary>Makes a protocol that is no preset.</summary>
    public Func<ProtocolContext, IInvalidationProtocol>? CustomProtocol { get; init; }

    /// <summary>mmu_lock is a queued spinlock, as before 5.12 on x86, and not a queued rwlock.</summary>
    public bool SpinMmuLock { get; init; }

    /// <summary>Parameters that are not at their default.</summary>
    public IReadOnlyDictionary<string, double> Values { get; init; } = new Dictionary<string, double>();

    /// <summary>Ends a run before its time.</summary>
    public CancellationToken Interrupt { get; init; }
}

/// <summary>
/// A small scene that has a cost: what runs on which CPUs, and the claim that it was made for. It runs for a virtual time, or until its
/// work is done. The seed is the only source of chance.
/// </summary>
public abstract class PricedScenario
{
    public const string Vcpus = "vcpus";
    public const string Spurious = "spurious";
    public const string Milliseconds = "ms";

    /// <summary>As many as one bed's operation ids can tell apart.</summary>
    public const int VcpusMax = 256;

    private const int CpusPerNode = 64;

    // Each costs the bed an SPTE, a PTE and a frame, which are made before the scene begins.
    private const long RamPagesMax = 16 << 20;

    /// <summary>As the command line names it.</summary>
    public abstract string Name { get; }

    /// <summary>What it is for, in a sentence.</summary>
    public abstract string Claim { get; }

    /// <summary>Who has said so, and where.</summary>
    public abstract string ClaimSource { get; }

    /// <summary>The figures that conclusions are about, the first foremost; names of <see cref="PricedResult.Figures"/>.</summary>
    public abstract IReadOnlyList<string> Headlines { get; }

    /// <summary>Of every scenario, then its own.</summary>
    public IReadOnlyList<PricedParameter> Parameters =>
    [
        .. HasVcpus ? [new PricedParameter(Vcpus, "vCPUs of the VM", 64, 1, VcpusMax)] : Array.Empty<PricedParameter>(),
        new("cpus", "CPUs of the host; 0 for one for each thread", 0, 0, 1024),
        new("nodes", $"nodes that the CPUs are in; 0 for one for each {CpusPerNode}", 0, 0, 16),
        new(Milliseconds, "virtual time of a run, in milliseconds", DefaultMilliseconds, 1, 10_000),
        new("seed", "for what is drawn", 1, 0, int.MaxValue),
        .. Own,
    ];

    protected virtual IReadOnlyList<PricedParameter> Own => [];
    protected virtual int DefaultMilliseconds => 20;

    /// <summary>False where no guest runs.</summary>
    protected virtual bool HasVcpus => true;

    /// <summary>Plays it once.</summary>
    /// <exception cref="InvalidOperationException">The model, a protocol or the scenario failed.</exception>
    /// <exception cref="OperationCanceledException">Interrupted.</exception>
    public PricedResult Play(PricedSetup setup)
    {
        var scene = new PricedScene(this, setup);
        Build(scene);
        scene.Bed.World.Run(scene.Nanoseconds, setup.Interrupt);
        return PricedResult.Of(scene);
    }

    /// <summary>What no run can be made with, in a sentence; null when all is well.</summary>
    /// <param name="values">that are not at their default</param>
    public string? ProblemWith(IReadOnlyDictionary<string, double> values)
    {
        if (!HasVcpus) return null;
        var defaults = Parameters.ToDictionary(parameter => parameter.Name, parameter => parameter.Default);
        var (vcpus, pages) = (ValueOf(Vcpus), RamPagesPerVcpu(ValueOf));
        return vcpus * pages <= RamPagesMax ? null : FormattableString.Invariant(
            $"{vcpus} vCPUs with {pages:n0} pages each; allowed: at most {RamPagesMax:n0} pages in all (less vcpus, faults or ms, or ram)");

        double ValueOf(string name) => values.GetValueOrDefault(name, defaults[name]);
    }

    /// <summary>Where the parameters that are given decide it, and their bounds do not bound it.</summary>
    protected virtual long RamPagesPerVcpu(Func<string, double> value) => 0;

    /// <summary>Makes the bed, and every thread that runs in it.</summary>
    protected abstract void Build(PricedScene scene);

    internal static int NodesFor(PricedScene scene, int cpus) =>
        scene["nodes"] > 0 ? Math.Min((int)scene["nodes"], cpus) : (cpus + CpusPerNode - 1) / CpusPerNode;
}

/// <summary>A scenario as it is set up: its figures, its bed, its source of chance.</summary>
public sealed class PricedScene
{
    private readonly Dictionary<string, double> _values = [];
    private PricedBed? _bed;

    internal PricedScene(PricedScenario scenario, PricedSetup setup)
    {
        Setup = setup;
        foreach (var parameter in scenario.Parameters)
            _values[parameter.Name] = setup.Values.GetValueOrDefault(parameter.Name, parameter.Default);
        Random = new SeededRandom((ulong)this["seed"]);
    }

    public PricedSetup Setup { get; }
    public SeededRandom Random { get; }
    public PricedBed Bed => _bed!;
    public int Vcpus => (int)_values.GetValueOrDefault(PricedScenario.Vcpus);
    public long Nanoseconds => (long)this[PricedScenario.Milliseconds] * 1_000_000;

    /// <summary>Operations of the VMM that the scenario counts in its own way.</summary>
    public long WorkDone { get; set; }

    /// <summary>When the work that the scenario consists of was done; 0 where it has no end.</summary>
    public long DoneAt { get; set; }

    /// <summary>The part of RAM that each vCPU has, where they have one.</summary>
    public long PagesPerVcpu { get; set; }

    /// <summary>A parameter's value.</summary>
    public double this[string parameter] => _values[parameter];

    /// <summary>Makes the bed; <paramref name="threads"/> is how many threads there will be beside the vCPUs.</summary>
    internal PricedBed Make(int threads, Func<PricedBedOptions, PricedBedOptions> with)
    {
        var cpus = this["cpus"] > 0 ? (int)this["cpus"] : Vcpus + threads;
        var options = new PricedBedOptions(Setup.Protocol, Setup.Prices, Vcpus, cpus, PricedScenario.NodesFor(this, cpus))
        {
            CustomProtocol = Setup.CustomProtocol,
            SpinMmuLock = Setup.SpinMmuLock,
        };
        return _bed = new PricedBed(with(options));
    }

    /// <summary>The run is over when the last guest has nothing left to do.</summary>
    internal void EndsWhenGuestsHalt() => Bed.AllHalted = () =>
    {
        DoneAt = Bed.World.Now;
        Bed.World.Stop();
    };

    /// <summary>Between nothing and twice the mean, evenly.</summary>
    internal static long Around(SeededRandom random, double meanNanoseconds) => random.Next(2 * Math.Max(1, (long)meanNanoseconds) + 1);
}
