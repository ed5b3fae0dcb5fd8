using System.CommandLine;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Explorer.Pricing;
using Livebed.Explorer.Pricing.Scenarios;
using Livebed.Explorer.Scenarios;
using Livebed.Kvm.Vms;

namespace Livebed.Driver.Pricing;

/// <summary>The options of `price`; each is checked here, before anything is played.</summary>
internal sealed class PriceOptions
{
    private const string RwLock = "rwlock";
    private const string SpinLock = "spinlock";

    private readonly Argument<string?> _scenario = new("scenario")
    {
        Description = "what to play (livebed list prices)",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> _protocols = Text("--protocols", "a,b,c", "the designs to compare (livebed list protocols) [all]");
    private readonly Option<string?> _assembly = Text(
        "--protocol-assembly", "DLL", "an assembly with a protocol that takes part too (docs/protocols.md)");
    private readonly Option<string?> _vcpus = Text("--vcpus", "1,8,64", "vCPUs of the VM, one sweep over these [the scenario's]");
    private readonly Option<string?> _spurious = Text(
        "--spurious", "0,0.9,0.99", "shares of changes that no memslot covers, one sweep over these [the scenario's]");
    private readonly Option<string?> _prices = Text("--prices", "LIST", $"a price list, a file or the name of one [{PriceFile.Usual}]");
    private readonly Option<string?> _mmuLock = Text("--mmu-lock", "rwlock|spinlock", $"what mmu_lock is [{RwLock}]");
    private readonly Option<string?> _out = Text("--out", "FILE", "where the page goes [price.html]");
    private readonly Option<bool> _plain = new("--no-sensitivity")
    {
        Description = "do not play conclusions again with each price halved and doubled",
    };
    private readonly Option<bool> _json = new("--json") { Description = "print one JSON object and nothing else (docs/price.md)" };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "print no progress, only what comes out" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    private readonly Option<string[]> _set = new("--set")
    {
        Description = "a parameter of the scenario, as in --set rate=50000",
        HelpName = "name=value",
        Arity = ArgumentArity.OneOrMore,
    };

    public PriceOptions()
    {
        Command = new Command("price", "Says what a lock design costs: the model in virtual time, on simulated CPUs.") { _scenario };
        foreach (var option in new Option[]
        {
            _protocols, _assembly, _vcpus, _spurious, _prices, _mmuLock, _set, _plain, _out, _json, _quiet, _verbose,
        }) Command.Add(option);
    }

    public Command Command { get; }

    /// <summary>The assembly that the command line names; null for none.</summary>
    public string? AssemblyOf(ParseResult parsed) => parsed.GetValue(_assembly);

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public PriceRequest Read(ParseResult parsed, CampaignFolders folders)
    {
        var scenario = ScenarioOf(parsed.GetValue(_scenario));
        var values = Settings(parsed.GetValue(_set) ?? [], scenario);
        var vcpus = Sweep(parsed, _vcpus, scenario, PricedScenario.Vcpus, values);
        var spurious = Sweep(parsed, _spurious, scenario, PricedScenario.Spurious, values);
        var designs = DesignsOf(parsed, folders.Current);
        var points = designs.Count * vcpus.Count * spurious.Count;
        if (points > PriceRequest.PointsMax)
            throw new UsageException(
                $"price: {points} runs are asked for; allowed: at most {PriceRequest.PointsMax}, "
                    + $"the product of --protocols, --vcpus and --spurious");
        if (ProblemWith(scenario, values, vcpus) is { } problem) throw new UsageException($"price {scenario.Name}: {problem}");
        return new PriceRequest
        {
            Scenario = scenario,
            Designs = designs,
            Vcpus = vcpus,
            Spurious = spurious,
            Values = values,
            Prices = PriceFile.Read(parsed.GetValue(_prices) ?? PriceFile.Usual, folders),
            SpinMmuLock = MmuLockOf(parsed.GetValue(_mmuLock)),
            HasSensitivity = !parsed.GetValue(_plain),
            Page = PageOf(parsed.GetValue(_out) ?? "price.html", folders.Current),
            Json = parsed.GetValue(_json),
            Quiet = parsed.GetValue(_quiet),
        };
    }

    private static string? ProblemWith(PricedScenario scenario, Dictionary<string, double> values, List<double> vcpus) =>
        double.IsNaN(vcpus[0])
            ? scenario.ProblemWith(values)
            : scenario.ProblemWith(new Dictionary<string, double>(values) { [PricedScenario.Vcpus] = vcpus.Max() });

    private static PricedScenario ScenarioOf(string? name)
    {
        var allowed = string.Join(", ", PricedScenarios.All.Select(known => known.Name));
        if (name is null) throw new UsageException($"price: which scenario? allowed: {allowed}");
        return PricedScenarios.Find(name) ?? throw new UsageException($"price {name}: there is no such scenario; allowed: {allowed}");
    }

    private static Dictionary<string, double> Settings(string[] settings, PricedScenario scenario)
    {
        var values = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var text in settings)
        {
            var at = text.IndexOf('=', StringComparison.Ordinal);
            if (at <= 0) throw new UsageException($"--set {text}: is no setting; allowed: --set name=value, as in --set rate=50000");
            var name = text[..at].Trim();
            if (!values.TryAdd(name, ValueOf($"--set {text}", scenario, name, text[(at + 1)..].Trim())))
                throw new UsageException($"--set {text}: {name} is set twice; allowed: each name once");
        }

        return values;
    }

    private static double ValueOf(string option, PricedScenario scenario, string name, string text)
    {
        var parameter = scenario.Parameters.FirstOrDefault(known => known.Name == name) ?? throw new UsageException(
            $"{option}: {scenario.Name} has no '{name}'; allowed: {string.Join(", ", scenario.Parameters.Select(known => known.Name))}");
        if (parameter.IsShare) return Parsed(option, text, ValueKinds.Number(parameter.Meaning, parameter.Least, parameter.Most));
        return Parsed(option, text, ValueKinds.Long(parameter.Meaning, (long)parameter.Least, (long)parameter.Most));
    }

    private static T Parsed<T>(string option, string text, ValueKind<T> kind) =>
        kind.Parse(text, out var value) is { } problem ? throw new UsageException($"{option}: {problem}; allowed: {kind.Allowed}") : value;

    /// <summary>The values of one dimension of the sweep; the scenario's own where none is given, and none where it has no such
    /// parameter.</summary>
    private static List<double> Sweep(
        ParseResult parsed, Option<string?> option, PricedScenario scenario, string name, Dictionary<string, double> values)
    {
        var parameter = scenario.Parameters.FirstOrDefault(known => known.Name == name);
        if (parsed.GetValue(option) is not { } text)
            return parameter is null ? [double.NaN] : [values.GetValueOrDefault(name, parameter.Default)];
        if (values.ContainsKey(name))
            throw new UsageException($"{option.Name} {text}: {name} is set already; allowed: {option.Name} or --set");
        List<double> swept = [.. text.Split(',').Select(one => ValueOf($"{option.Name} {text}", scenario, name, one.Trim()))];
        return swept.Distinct().Count() == swept.Count
            ? swept
            : throw new UsageException($"{option.Name} {text}: a value is given twice; allowed: each value once");
    }

    private IReadOnlyList<PricedDesign> DesignsOf(ParseResult parsed, string currentFolder)
    {
        var (given, assembly) = (parsed.GetValue(_protocols), parsed.GetValue(_assembly));
        if (given is null && assembly is null)
            return [.. ProtocolCatalog.All.Select(entry => new PricedDesign(entry.Name, new ScenarioSetup(entry.Name)))];
        if (given is null)
        {
            var alone = ProtocolFinder.FindProtocol(null, assembly, currentFolder, $"--protocol-assembly {assembly}");
            return
            [
                new PricedDesign(alone.Protocol, alone),
                .. ProtocolCatalog.All.Select(entry => new PricedDesign(entry.Name, new ScenarioSetup(entry.Name))),
            ];
        }

        var names = given.Split(',', StringSplitOptions.TrimEntries);
        if (names.Distinct(StringComparer.Ordinal).Count() != names.Length)
            throw new UsageException($"--protocols {given}: a protocol is given twice; allowed: each once");
        if (assembly is not null && names.All(name => ProtocolCatalog.Find(name) is not null))
            throw new UsageException(
                $"--protocol-assembly {assembly}: no protocol of it is among --protocols {given}; allowed: with one, or without "
                    + "--protocols");
        return
        [
            .. names.Select(name => new PricedDesign(name, ProtocolFinder.FindProtocol(
                name, ProtocolCatalog.Find(name) is null ? assembly : null, currentFolder, $"--protocols {given}"))),
        ];
    }

    private static bool MmuLockOf(string? given) => given switch
    {
        null or RwLock => false,
        SpinLock => true,
        _ => throw new UsageException($"--mmu-lock {given}: is unknown; allowed: {RwLock}, {SpinLock}"),
    };

    internal static string PageOf(string given, string currentFolder)
    {
        var path = Path.GetFullPath(given, currentFolder);
        if (Directory.Exists(path)) throw new UsageException($"--out {given}: is a folder; allowed: a file");
        return Directory.Exists(Path.GetDirectoryName(path))
            ? path
            : throw new UsageException($"--out {given}: its folder does not exist; allowed: a file in a folder that does");
    }

    private static Option<string?> Text(string name, string value, string summary) => new(name) { HelpName = value, Description = summary };
}

/// <summary>A protocol that takes part.</summary>
public sealed record PricedDesign(string Name, ScenarioSetup Source);

/// <summary>What `price` was asked for, checked.</summary>
public sealed record PriceRequest
{
    /// <summary>Runs of one sweep, at most; those for the sensitivity are not counted.</summary>
    public const int PointsMax = 1_000;

    public required PricedScenario Scenario { get; init; }
    public required IReadOnlyList<PricedDesign> Designs { get; init; }

    /// <summary>Not a number where the scenario has no such parameter.</summary>
    public required IReadOnlyList<double> Vcpus { get; init; }

    /// <inheritdoc cref="Vcpus"/>
    public required IReadOnlyList<double> Spurious { get; init; }

    public required IReadOnlyDictionary<string, double> Values { get; init; }
    public required PriceList Prices { get; init; }
    public required bool SpinMmuLock { get; init; }
    public required bool HasSensitivity { get; init; }
    public required string Page { get; init; }
    public required bool Json { get; init; }
    public required bool Quiet { get; init; }
}
