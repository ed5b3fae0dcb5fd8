using Livebed.Driver.CommandLine;
using Livebed.Driver.Kernels;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Livebed.Linux.Kvm;

namespace Livebed.Driver.Tests;

/// <summary>The whole command in a folder of its own: run it, then look at exit status, streams and what it left behind.</summary>
internal sealed class CommandHarness : IDisposable
{
    public const string SmallCampaign = "vms:\n  - guest: { bytesPerVcpu: 64KiB }\n";

    private readonly StringWriter _out = new();
    private readonly StringWriter _error;
    private readonly CommandEnvironment _environment;

    public CommandHarness(
        FakeRunner? runner = null, bool isTerminal = false, int columns = 80, TextWriter? output = null, StringWriter? error = null,
        string kvmPath = KvmDevice.Path)
    {
        _error = error ?? new StringWriter();
        Runner = runner ?? new FakeRunner(new RunOutcome { Counts = new() { Accesses = 10, ChecksEvaluated = 1 } });
        Interrupts = new Interrupts(_error, code => ExitedWith = code);
        _environment = new()
        {
            Out = output ?? _out,
            Error = _error,
            IsTerminal = isTerminal,
            Columns = columns,
            Folders = new(Folder.FullPath, Path.Combine(Repository.Root, "campaigns")),
            Clock = TimeProvider.System,
            Interrupts = Interrupts,
            Traces = CommandEnvironment.PagesOfTrace,
            KvmPath = kvmPath,
            Runners = options =>
            {
                Runner.Options = options;
                return Runner;
            },
        };
    }

    public TemporaryFolder Folder { get; } = new();
    public FakeRunner Runner { get; }
    public Interrupts Interrupts { get; }
    public int? ExitedWith { get; private set; }
    public string Out => _out.ToString();
    public string Error => _error.ToString();

    public IReadOnlyList<string> RunFolders =>
        Directory.Exists(Folder.PathOf("runs")) ? Directory.GetDirectories(Folder.PathOf("runs")) : [];

    public Task<int> RunAsync(params string[] arguments) => LivebedCommand.RunAsync(arguments, _environment);

    public int Race(RaceRequest request, IRaces races) => new RaceCommand(_environment).Run(request, races);

    /// <summary>Runs a campaign of the given text, from the file c.yaml.</summary>
    public Task<int> RunCampaignAsync(string yaml, params string[] options)
    {
        Folder.Write("c.yaml", yaml);
        return RunAsync(["run", "c.yaml", .. options]);
    }

    public RunResults Results() => ResultsJson.Read(File.ReadAllText(Path.Combine(Assert.Single(RunFolders), RunFolder.ResultsFile)));

    public void Dispose()
    {
        _environment.Dispose();
        Folder.Dispose();
        _out.Dispose();
        _error.Dispose();
    }
}
