using Livebed.Explorer.Pricing;
using Livebed.Explorer.Pricing.Scenarios;
using Livebed.Explorer.Scenarios;
using Livebed.Kvm.Vms;

namespace Livebed.Driver.Pricing;

/// <summary>All that the museum shows: what each design costs, what it can do wrong, and what that answers.</summary>
/// <param name="Prices">what steps cost</param>
/// <param name="Costs">a sweep for each scenario, in the order of the page</param>
/// <param name="Waits">a memslot update over the number of threads that keep ranges open</param>
/// <param name="Hazards">of all designs</param>
public sealed record MuseumContent(
    PriceList Prices, IReadOnlyList<PriceOutcome> Costs, IReadOnlyList<(int Threads, PriceOutcome Outcome)> Waits,
    IReadOnlyList<Hazard> Hazards)
{
    public const long SchedulesMax = 2_000;

    /// <summary>Of the curve of waits: for so long a thread keeps a range open, and pauses between two.</summary>
    private const int OpenMicroseconds = 100;
    private const int PauseMicroseconds = 200;

    private static readonly int[] _threads = [1, 2, 4, 8, 16, 32];

    private static readonly (string Scenario, double[] Vcpus, double[] Spurious, bool Varies)[] _sweeps =
    [
        ("uncontended", [double.NaN], [double.NaN], true),
        ("spurious-brownout", [1, 8, 64, 256], [0.99], true),
        ("rebuild-after-migration", [1, 8, 64], [0.99], false),
        ("ksm-scan", [8, 64], [0.99], false),
        ("numa-balancing", [8, 64], [double.NaN], false),
        ("dirty-log-perf", [8, 64], [0.99], false),
        ("memslot-perf", [8, 64], [0.99], false),
        ("teardown", [double.NaN], [double.NaN], false),
    ];

    /// <summary>Plays everything.</summary>
    /// <exception cref="OperationCanceledException">Interrupted.</exception>
    public static MuseumContent Make(PriceList prices, Action<string> begins, CancellationToken interrupt)
    {
        var costs = new List<PriceOutcome>();

        PriceOutcome Played(PriceRequest request)
        {
            var outcome = PriceOutcome.Of(request, (_, _) => { }, interrupt);
            interrupt.ThrowIfCancellationRequested();
            return outcome;
        }

        foreach (var (scenario, vcpus, spurious, varies) in _sweeps)
        {
            begins(scenario);
            costs.Add(Played(RequestOf(scenario, prices, vcpus, spurious, varies)));
        }

        var waits = new List<(int Threads, PriceOutcome Outcome)>();
        begins("memslot-under-ranges");
        foreach (var threads in _threads)
            waits.Add((threads, Played(RequestOf("memslot-under-ranges", prices, [double.NaN], [double.NaN], varies: false) with
            {
                Values = new Dictionary<string, double>
                {
                    ["ranges"] = threads,
                    ["open"] = OpenMicroseconds,
                    ["pause"] = PauseMicroseconds,
                    [PricedScenario.Milliseconds] = 100,
                },
            })));
        var hazards = new List<Hazard>();
        foreach (var entry in ProtocolCatalog.All)
        {
            begins($"hazards of {entry.Name}");
            hazards.AddRange(Hazard.Of(entry.Name, SchedulesMax, () => interrupt.IsCancellationRequested));
            interrupt.ThrowIfCancellationRequested();
        }

        return new MuseumContent(prices, costs, waits, hazards);
    }

    /// <summary>The sweep of a scenario.</summary>
    public PriceOutcome CostOf(string scenario) => Costs.Single(cost => cost.Request.Scenario.Name == scenario);

    /// <summary>A figure of a design at the last place of a sweep.</summary>
    public double this[string scenario, string design, string figure] =>
        CostOf(scenario).Points.Last(point => point.Design == design).Result[figure];

    /// <summary>Ranges that so many threads open in a second.</summary>
    public static double NotificationRate(int threads) => threads * 1e6 / (OpenMicroseconds + PauseMicroseconds);

    /// <summary>The longest wait of a memslot update, over the rate of notifications.</summary>
    public CurveData WaitCurves(string figure) => new(
        $"memslot-under-ranges: {figure}", "notifications a second", "ns", [.. Waits.Select(wait => NotificationRate(wait.Threads))],
        [
            .. Waits[0].Outcome.Request.Designs.Select(design => new Curve(
                design.Name, [.. Waits.Select(wait => wait.Outcome.Points.Single(point => point.Design == design.Name).Result[figure])])),
        ]);

    private static PriceRequest RequestOf(string scenario, PriceList prices, double[] vcpus, double[] spurious, bool varies) => new()
    {
        Scenario = PricedScenarios.Find(scenario)!,
        Designs = [.. ProtocolCatalog.All.Select(entry => new PricedDesign(entry.Name, new ScenarioSetup(entry.Name)))],
        Vcpus = vcpus,
        Spurious = spurious,
        Values = new Dictionary<string, double>(),
        Prices = prices,
        SpinMmuLock = false,
        HasSensitivity = varies,
        Page = "",
        Json = false,
        Quiet = true,
    };
}
