using System.Globalization;
using System.IO.Hashing;
using System.Text;
using Livebed.Kvm.Files;
using Livebed.Kvm.Memslots;

namespace Livebed.Explorer.Kernels;

/// <summary>
/// Answers of a kernel to a drawn script, as a line of a recording: mode, backing, seed, steps, whether pages may be merged, a hash of the
/// script's text, and the answers with semicolons between them; tabs between all of these. The script itself is drawn again, and the hash
/// tells whether it is still the same. So a kernel that was asked once can be compared with the model at any time, on any machine.
/// </summary>
/// <param name="Draw">how the script is drawn</param>
/// <param name="Hash">of its text</param>
/// <param name="Answers">to each step</param>
public sealed record RecordedAnswers(ScriptDraw Draw, string Hash, IReadOnlyList<string> Answers)
{
    /// <summary>Of a whole recording: a hundred thousand scripts have a quarter of it.</summary>
    public const long BytesMax = 256L << 20;

    private const string Comment = "# ";
    private const string OfKernel = " of kernel ";
    private const string MergingWord = "merging";
    private const string NoMergingWord = "no-merging";
    private const int Fields = 7;
    private const string Printed = "what livebed kernel record prints";

    public static RecordedAnswers Of(ScriptDraw draw, KernelScript script, IReadOnlyList<string> answers) =>
        new(draw, HashOf(script), answers);

    /// <summary>The first line of a recording: which kernel has answered.</summary>
    public static string HeaderOf(string module, string kernel) => $"{Comment}{module}{OfKernel}{kernel}";

    public override string ToString() => string.Join(
        '\t', ScriptWords.Of(Draw.Mode), Draw.Backing is { } backing ? ScriptWords.Of(backing) : ScriptDraw.Mixed,
        Draw.Seed.ToString(CultureInfo.InvariantCulture), Draw.Steps.ToString(CultureInfo.InvariantCulture),
        Draw.HasMerging ? MergingWord : NoMergingWord, Hash, string.Join(';', Answers));

    /// <summary>The scripts and answers of a recording, in order.</summary>
    /// <param name="path">of the file</param>
    /// <param name="name">of the file in messages</param>
    /// <param name="kernel">which kernel has answered, as its first line says</param>
    /// <exception cref="ScriptException">It cannot be read, or a line is wrong.</exception>
    public static IReadOnlyList<RecordedAnswers> ReadFile(string path, string name, out RecordedKernel kernel)
    {
        string text;
        try
        {
            text = Encoding.UTF8.GetString(InputFile.Read(path, BytesMax));
        }
        catch (InputFileException exception)
        {
            throw new ScriptException($"{name}: {exception.Message}; allowed: {Printed}");
        }

        var lines = text.Split('\n');
        kernel = ReadHeader(lines[0].Trim())
            ?? throw new ScriptException($"{name}, line 1: does not say which kernel has answered; allowed: {Printed}");
        var recorded = new List<RecordedAnswers>();
        for (var line = 1; line < lines.Length; line++)
        {
            if (lines[line].Length == 0 || lines[line].StartsWith('#')) continue;
            recorded.Add(Read(lines[line].TrimEnd('\r')) ?? throw new ScriptException(
                $"{name}, line {line + 1}: is no answer of a kernel; allowed: {Printed}"));
        }

        if (recorded.Count == 0) throw new ScriptException($"{name}: has no answers; allowed: {Printed}");
        return recorded;
    }

    /// <summary>The script that was answered; null when the seed now draws another.</summary>
    public KernelScript? Script()
    {
        var script = Draw.Script();
        return HashOf(script) == Hash ? script : null;
    }

    /// <summary>Null for a line that is wrong.</summary>
    private static RecordedKernel? ReadHeader(string line)
    {
        var end = line.IndexOf(OfKernel, StringComparison.Ordinal);
        if (!line.StartsWith(Comment, StringComparison.Ordinal) || end < 0) return null;
        return FlavourOf(line[Comment.Length..end]) is { } flavour ? new RecordedKernel(line[Comment.Length..], flavour) : null;
    }

    /// <summary>Null for a module that is none of KVM's.</summary>
    private static KvmFlavour? FlavourOf(string module) => module switch
    {
        "kvm_amd" or "kvm_intel" => KvmFlavour.Hardware,
        "kvm" => KvmFlavour.Emulating,
        _ => null,
    };

    /// <summary>Null for a line that is wrong.</summary>
    private static RecordedAnswers? Read(string line)
    {
        var fields = line.Split('\t');
        if (fields.Length != Fields) return null;
        var mode = ScriptWords.Modes.Where(mode => ScriptWords.Of(mode) == fields[0]).ToList();
        var backing = Enum.GetValues<BackingKind>().Where(backing => ScriptWords.Of(backing) == fields[1]).ToList();
        if (mode.Count == 0 || (backing.Count == 0 && fields[1] != ScriptDraw.Mixed)) return null;
        if (!ulong.TryParse(fields[2], NumberStyles.None, CultureInfo.InvariantCulture, out var seed)) return null;
        if (!int.TryParse(fields[3], NumberStyles.None, CultureInfo.InvariantCulture, out var steps)) return null;
        if (steps is < 1 or > KernelScript.StepsMax || fields[4] is not (MergingWord or NoMergingWord)) return null;
        var draw = new ScriptDraw(mode[0], backing.Count == 0 ? null : backing[0], seed, steps, fields[4] == MergingWord);
        return new RecordedAnswers(draw, fields[5], fields[6].Split(';'));
    }

    private static string HashOf(KernelScript script) =>
        XxHash32.HashToUInt32(Encoding.UTF8.GetBytes(script.ToText())).ToString("x8", CultureInfo.InvariantCulture);
}

/// <summary>A kernel that has answered.</summary>
/// <param name="Name">its module and release</param>
/// <param name="Flavour">what may differ</param>
public sealed record RecordedKernel(string Name, KvmFlavour Flavour);

/// <summary>What decides a drawn script.</summary>
/// <param name="Mode">of the dirty log</param>
/// <param name="Backing">what the memslots lie on; null to draw that too</param>
/// <param name="Seed">of the script</param>
/// <param name="Steps">1 to <see cref="KernelScript.StepsMax"/></param>
/// <param name="HasMerging">whether pages may be merged</param>
public sealed record ScriptDraw(DirtyLogMode Mode, BackingKind? Backing, ulong Seed, int Steps, bool HasMerging)
{
    /// <summary>For a backing that is drawn.</summary>
    public const string Mixed = "mixed";

    public KernelScript Script() => new ScriptGenerator(Mode, HasMerging, Backing).Draw(Seed, Steps);
}
