using System.Text.Json;
using Livebed.Driver.Errors;
using Livebed.Driver.Kernels;
using Livebed.Explorer.Kernels;
using Livebed.Kvm.Memslots;
using Livebed.Linux.Kvm;
using Xunit.Abstractions;

namespace Livebed.Driver.Tests.Kernels;

public sealed class KernelCommandTests(ITestOutputHelper output)
{
    private const string Script =
        "mode: bitmap\nset slot=0 gfn=16 pages=4 at=0 flags=log => ok\nwrite gfn=17 value=7 => ok\nget slot=0 => 1\n";

    [Fact]
    public async Task A_script_that_answers_as_expected_is_valid_and_another_is_not()
    {
        using var harness = new CommandHarness();
        harness.Folder.Write("s.script", Script);
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("kernel", "play", "s.script", "--on", "model"));
        Assert.Contains("as expected", harness.Out, StringComparison.Ordinal);
        harness.Folder.Write("s.script", Script.Replace("=> 1", "=> 2", StringComparison.Ordinal));
        Assert.Equal(ExitCodes.Invalid, await harness.RunAsync("kernel", "play", "s.script", "--on", "model"));
        Assert.Contains("<--", harness.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_played_script_can_be_had_as_JSON()
    {
        using var harness = new CommandHarness();
        harness.Folder.Write("s.script", Script);
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("kernel", "play", "s.script", "--on", "model", "--json"));
        var played = JsonDocument.Parse(harness.Out).RootElement.GetProperty("scripts")[0];
        Assert.Equal("1", played.GetProperty("steps")[2].GetProperty("model").GetString());
        Assert.Equal(JsonValueKind.Null, played.GetProperty("steps")[2].GetProperty("kernel").ValueKind);
    }

    [Fact]
    public async Task A_planted_defect_is_found_and_leaves_the_shortest_script()
    {
        using var harness = new CommandHarness();
        Assert.Equal(
            ExitCodes.Invalid,
            await harness.RunAsync("kernel", "--model", "--mutant", "move-drops-bitmap", "--mode", "bitmap", "--seed", "1"));
        Assert.Contains("DIFFER", harness.Out, StringComparison.Ordinal);
        Assert.Contains("with defect", harness.Out, StringComparison.Ordinal);
        var script = ScriptReader.ReadFile(harness.Folder.PathOf("kernel-bitmap-1.script"), "s");
        Assert.InRange(script.Steps.Count, 1, 5);
    }

    [Fact]
    public async Task A_recording_is_compared_with_the_model_and_each_script_that_differs_is_counted()
    {
        using var harness = new CommandHarness();
        var draws = new List<ScriptDraw>
        {
            new(DirtyLogMode.Bitmap, Backing: null, Seed: 7, Steps: 20, HasMerging: true),
            new(DirtyLogMode.Bitmap, Backing: null, Seed: 8, Steps: 20, HasMerging: true),
            new(DirtyLogMode.Ring, BackingKind.Hugetlb, Seed: 7, Steps: 20, HasMerging: false),
        };
        List<string> lines = [RecordedAnswers.HeaderOf("kvm_amd", "6.12.0")];
        foreach (var draw in draws)
            lines.Add(RecordedAnswers.Of(draw, draw.Script(), new ModelKernel().Play(draw.Script())).ToString());
        harness.Folder.Write("a.answers", string.Join('\n', lines) + "\n");
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("kernel", "compare", "a.answers"));
        Assert.Contains("a recording of kvm_amd of kernel 6.12.0", harness.Out, StringComparison.Ordinal);
        lines[2] = lines[2].Replace("\tok;", "\tEINVAL;", StringComparison.Ordinal);
        harness.Folder.Write("a.answers", string.Join('\n', lines) + "\n");
        Assert.Equal(ExitCodes.Invalid, await harness.RunAsync("kernel", "compare", "a.answers"));
        Assert.Single(ScriptReader.ReadFile(harness.Folder.PathOf("kernel-bitmap-8.script"), "s").Steps);
        lines[2] = lines[2].Replace("\t20\t", "\t21\t", StringComparison.Ordinal);
        harness.Folder.Write("a.answers", string.Join('\n', lines) + "\n");
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync("kernel", "compare", "a.answers"));
        Assert.Contains("seed 8 now draws another script", harness.Error, StringComparison.Ordinal);
        lines[2] = "bitmap\t8";
        harness.Folder.Write("a.answers", string.Join('\n', lines) + "\n");
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync("kernel", "compare", "a.answers"));
        Assert.Contains("a.answers, line 3: is no answer of a kernel", harness.Error, StringComparison.Ordinal);
        lines[0] = RecordedAnswers.HeaderOf("kvm_new", "6.12.0");
        harness.Folder.Write("a.answers", string.Join('\n', lines) + "\n");
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync("kernel", "compare", "a.answers"));
        Assert.Contains("line 1: does not say which kernel has answered", harness.Error, StringComparison.Ordinal);
    }

    /// <summary>The recording says which flavour has answered: what one may do is a difference of the other.</summary>
    [Theory]
    [InlineData("kvm_amd", KernelVerb.Read, ExitCodes.Invalid)]
    [InlineData("kvm_intel", KernelVerb.Read, ExitCodes.Invalid)]
    [InlineData("kvm", KernelVerb.Read, ExitCodes.Valid)]
    [InlineData("kvm_amd", KernelVerb.Get, ExitCodes.Valid)]
    [InlineData("kvm_intel", KernelVerb.Get, ExitCodes.Valid)]
    [InlineData("kvm", KernelVerb.Get, ExitCodes.Invalid)]
    public async Task What_may_differ_is_what_the_flavour_of_the_recorded_KVM_has(string module, KernelVerb verb, int code)
    {
        using var harness = new CommandHarness();
        var normaliser = verb == KernelVerb.Read ? Normaliser.RefusedIsMmio : Normaliser.ReadIsDirty;
        var (draw, answers) = Showing(normaliser);
        harness.Folder.Write(
            "a.answers", $"{RecordedAnswers.HeaderOf(module, "6.12.0")}\n{RecordedAnswers.Of(draw, draw.Script(), answers)}\n");
        Assert.Equal(code, await harness.RunAsync("kernel", "compare", "a.answers"));
        if (code == ExitCodes.Valid) Assert.Contains(normaliser.Name, harness.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_recording_in_which_what_is_known_does_not_show_fails()
    {
        using var harness = new CommandHarness();
        // The model is no such kernel: it reports no page that the guest has only read.
        var lines = Enumerable.Range(0, 5 * Normaliser.ReadIsDirty.ChancesMost)
            .Select(seed => new ScriptDraw(DirtyLogMode.Bitmap, Backing: null, (ulong)seed, Steps: 40, HasMerging: true))
            .Select(draw => RecordedAnswers.Of(draw, draw.Script(), new ModelKernel().Play(draw.Script())).ToString()).ToList();
        harness.Folder.Write("a.answers", string.Join('\n', [RecordedAnswers.HeaderOf("kvm_amd", "6.12.0"), .. lines]) + "\n");
        Assert.Equal(ExitCodes.Invalid, await harness.RunAsync("kernel", "compare", "a.answers"));
        Assert.Contains("GONE: read-may-be-dirty did not show", harness.Out, StringComparison.Ordinal);
        harness.Folder.Write("a.answers", string.Join('\n', [RecordedAnswers.HeaderOf("kvm", "6.12.0"), .. lines]) + "\n");
        Assert.Equal(ExitCodes.Invalid, await harness.RunAsync("kernel", "compare", "a.answers"));
        Assert.Contains("GONE: refused-page-is-mmio did not show", harness.Out, StringComparison.Ordinal);
    }

    public static TheoryData<string, string> CommandsThatAsk
    {
        get
        {
            string[] commands =
            [
                "kernel --seed 1", "kernel race --for 1s", "kernel survey", "kernel record --seed 1", "kernel play s.script --on kernel",
                "kernel play s.script --on both",
            ];
            var data = new TheoryData<string, string>();
            foreach (var command in commands)
            {
                data.Add(command, "nowhere/kvm");
                // Which opens for reading only, whatever the user may.
                data.Add(command, "/proc/sys/kernel/osrelease");
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(CommandsThatAsk))]
    public async Task Where_there_is_no_KVM_or_a_closed_one_the_command_says_so_in_one_line_and_decides_nothing(
        string command, string path)
    {
        using var harness = new CommandHarness(kvmPath: path);
        harness.Folder.Write("s.script", Script);
        Assert.Equal(ExitCodes.Unknown, await harness.RunAsync(command.Split(' ')));
        Assert.Equal("", harness.Out);
        Assert.StartsWith($"{path} cannot be opened (", Assert.Single(harness.Error.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    /// <summary>The defects that tests/Mutation plants are told by the lines that they change: these must be there, once.</summary>
    [Theory]
    [InlineData("tests/Kernel/planted.txt", 13)]
    [InlineData("tests/Mutation/planted.txt", 90)]
    public void Each_planted_defect_finds_its_lines_in_the_model(string list, int least)
    {
        var defects = File.ReadAllText(Path.Combine(Repository.Root, list)).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        foreach (var defect in defects)
        {
            var lines = defect.Split('\n');
            var file = lines.Single(line => line.Length > 0 && !"#-+".Contains(line[0]));
            var old = string.Join('\n', lines.Where(line => line.StartsWith('-')).Select(line => line[1..])).Trim();
            var source = File.ReadAllText(Path.Combine(Repository.Root, "src/Kvm", file));
            Assert.True(source.Split(old).Length == 2, $"{lines[0]}: not once in {file}");
        }

        Assert.InRange(defects.Length, least, 200);
    }

    /// <summary>Where /dev/kvm opens, the kernel answers as the model; elsewhere the command says why not, in one line.</summary>
    [Fact]
    public async Task The_machines_own_KVM_agrees_or_cannot_be_asked()
    {
        using var harness = new CommandHarness();
        var code = await harness.RunAsync("kernel", "--scripts", "20", "--seed", "1");
        output.WriteLine(code == ExitCodes.Unknown ? harness.Error : harness.Out);
        if (code != ExitCodes.Unknown)
        {
            Assert.Equal(ExitCodes.Valid, code);
            PlayRegressions();
            return;
        }

        Assert.StartsWith(KvmDevice.Path, harness.Error, StringComparison.Ordinal);
        Assert.Single(harness.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>A drawn script with the answers of a kernel that differs from the model by what a normaliser allows, and in nothing
    /// else.</summary>
    private static (ScriptDraw Draw, IReadOnlyList<string> Answers) Showing(Normaliser normaliser)
    {
        var comparison = new ScriptComparison([normaliser]);
        for (var seed = 0UL; ; seed++)
        {
            var draw = new ScriptDraw(DirtyLogMode.Bitmap, Backing: null, seed, Steps: 20, HasMerging: true);
            var (script, model) = (draw.Script(), new ModelKernel().Play(draw.Script()));
            for (var step = 0; step < model.Count; step++)
                foreach (var other in (string[])[Answers.Mmio, "0", "1", "2"])
                {
                    List<string> kernel = [.. model];
                    kernel[step] = other;
                    if (comparison.Compare(script, model, kernel) is { Difference: null, Normalisers.Count: > 0 }) return (draw, kernel);
                }
        }
    }

    private static void PlayRegressions()
    {
        using var device = KvmDevice.Open();
        var kernel = new RealKernel(device);
        var normalisers = Normaliser.Of(KernelCommand.FlavourOf(KvmSurvey.Of(device)));
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests/Explorer.Tests/Kernels"), "*.script"))
        {
            var script = ScriptReader.ReadFile(file, Path.GetFileName(file));
            if (script.Architecture != Kvm.Vms.KvmArchitecture.X86) continue;
            var played = new PlayedScript(script, Model: null, kernel.Play(script), normalisers);
            Assert.True(played.IsAsExpected, $"{file}: step {played.KernelMiss}, gone {played.Gone?.Name}");
        }
    }
}
