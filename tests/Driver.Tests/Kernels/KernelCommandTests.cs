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
        List<string> lines = [RecordedAnswers.HeaderOf("a kernel")];
        foreach (var draw in draws)
            lines.Add(RecordedAnswers.Of(draw, draw.Script(), new ModelKernel().Play(draw.Script())).ToString());
        harness.Folder.Write("a.answers", string.Join('\n', lines) + "\n");
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("kernel", "compare", "a.answers"));
        Assert.Contains("a recording of a kernel", harness.Out, StringComparison.Ordinal);
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
    }

    /// <summary>The defects that tests/Mutation plants are told by the lines that they change: these must be there, once.</summary>
    [Fact]
    public void Each_planted_defect_finds_its_lines_in_the_model()
    {
        var (name, file, defects) = ("", "", 0);
        foreach (var line in File.ReadLines(Path.Combine(Repository.Root, "tests/Kernel/planted.txt")))
            if (line.StartsWith('#')) name = line;
            else if (line.StartsWith('-'))
            {
                var source = File.ReadAllText(Path.Combine(Repository.Root, "src/Kvm", file));
                Assert.True(source.Split(line[1..].Trim()).Length == 2, $"{name}: not once in {file}");
                defects++;
            }
            else if (line.Length > 0 && !line.StartsWith('+')) file = line;
        Assert.InRange(defects, 12, 100);
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

    private static void PlayRegressions()
    {
        using var device = KvmDevice.Open();
        var kernel = new RealKernel(device);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests/Explorer.Tests/Kernels"), "*.script"))
        {
            var script = ScriptReader.ReadFile(file, Path.GetFileName(file));
            if (script.Architecture != Kvm.Vms.KvmArchitecture.X86) continue;
            var expected = script.Steps.Select(step => step.Expected!).ToList();
            Assert.Null(new ScriptComparison(Normaliser.All).Compare(script, expected, kernel.Play(script)).Difference);
        }
    }
}
