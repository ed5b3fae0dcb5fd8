using System.Diagnostics;
using Livebed.Explorer.Kernels;
using Livebed.Kvm.Memslots;

namespace Livebed.Mutation;

/// <summary>
/// What the scripts of `livebed kernel` are worth: plays drawn scripts on the model with one planted defect and on the model without, mode
/// by mode, and makes the first on which they differ as short as it gets.
/// </summary>
internal sealed class PlantedRun(IReadOnlyList<PlantedDefect> defects, int scripts, TextWriter output)
{
    public const int ScriptsByDefault = 5_000;

    private const string NotShown = "-";

    /// <summary>Compiles the model with all of them, and lets a process of its own play.</summary>
    /// <returns>exit status</returns>
    public static int Start(string root, int scripts)
    {
        var list = Path.Combine(root, "tests", "Kernel", "planted.txt");
        if (!File.Exists(list))
        {
            Console.Error.WriteLine("run it from the folder of Cluster.sln");
            return 64;
        }

        var folder = Directory.CreateTempSubdirectory("livebed-planted-");
        try
        {
            foreach (var file in Directory.EnumerateFiles(AppContext.BaseDirectory))
                File.Copy(file, Path.Combine(folder.FullName, Path.GetFileName(file)));
            PlantedModel.Emit(root, PlantedDefect.ReadFile(list), Path.Combine(folder.FullName, "Livebed.Kvm.dll"));
            var program = Path.Combine(folder.FullName, Path.GetFileName(typeof(PlantedRun).Assembly.Location));
            using var process = Process.Start("dotnet", [program, "hunt-planted", list, $"{scripts}"]);
            process.WaitForExit();
            return process.ExitCode;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <returns>exit status: 1 where a defect was not found</returns>
    public int Run()
    {
        output.WriteLine("| defect | " + string.Join(" | ", ScriptWords.Modes.Select(mode => ScriptWords.Of(mode))) + " |");
        output.WriteLine("| --- |" + string.Concat(ScriptWords.Modes.Select(_ => " --- |")));
        var sound = ScriptWords.Modes.ToDictionary(mode => mode, _ => new List<SoundScript>());
        var found = 0;
        for (var defect = 0; defect < defects.Count; defect++)
        {
            var cells = ScriptWords.Modes.Select(mode => Hunt(mode, defect, sound[mode])).ToList();
            if (cells.Exists(cell => cell != NotShown)) found++;
            output.WriteLine($"| {defects[defect].Name} | {string.Join(" | ", cells)} |");
            output.Flush();
        }

        output.WriteLine($"found: {found} of {defects.Count}");
        return found == defects.Count ? 0 : 1;
    }

    /// <param name="mode">of the scripts</param>
    /// <param name="defect">its number</param>
    /// <param name="sound">scripts that were played without any defect so far</param>
    /// <returns>which script shows it, and the steps of the shortest</returns>
    private string Hunt(DirtyLogMode mode, int defect, List<SoundScript> sound)
    {
        var generator = new ScriptGenerator(mode);
        for (var seed = 0; seed < scripts; seed++)
        {
            var script = generator.Draw((ulong)seed);
            if (seed == sound.Count) sound.Add(SoundScript.Of(script));
            // What does not come to the place of the defect cannot show it.
            if (!sound[seed].Reached.Contains(defect) || Answers(script, defect).SequenceEqual(sound[seed].Answers)) continue;
            var shrinker = new ScriptShrinker(smaller => !Answers(smaller, defect).SequenceEqual(Answers(smaller)));
            return $"{seed + 1} ({shrinker.Shrink(script).Steps.Count})";
        }

        return NotShown;
    }

    private sealed record SoundScript(IReadOnlyList<string> Answers, HashSet<int> Reached)
    {
        public static SoundScript Of(KernelScript script)
        {
            IReadOnlyList<string> answers = [];
            var reached = Gate.ReachedBy(() => answers = PlantedRun.Answers(script));
            return new SoundScript(answers, reached);
        }
    }

    /// <param name="script">is played</param>
    /// <param name="defect">that is switched on; none of them where it is null</param>
    private static IReadOnlyList<string> Answers(KernelScript script, int? defect = null)
    {
        if (defect is { } number) Gate.On(number);
        try
        {
            return new ModelKernel().Play(script);
        }
        catch (InvalidOperationException exception)
        {
            return [exception.Message];
        }
        finally
        {
            Gate.Off();
        }
    }

    private static MutationSwitch Gate => field ??= new MutationSwitch();
}
