namespace Livebed.Mutation;

/// <summary>
/// A defect that a person has planted in the model: lines of a file of src/Kvm and what stands there instead. tests/Kernel/planted.txt
/// lists those for `livebed kernel`, tests/Mutation/planted.txt those for `livebed explore`, a block each: its name behind `#`, the file
/// below src/Kvm, lines that begin with `-` and with `+`.
/// PLANTED in the new lines says whether the defect is switched on.
/// </summary>
/// <param name="Name">what is wrong</param>
/// <param name="File">below src/Kvm</param>
/// <param name="Old">what stands there, once</param>
/// <param name="New">what stands there instead</param>
public sealed record PlantedDefect(string Name, string File, string Old, string New)
{
    private const string Mark = "PLANTED";

    /// <exception cref="FormatException">A line is none of a block.</exception>
    public static IReadOnlyList<PlantedDefect> ReadFile(string path)
    {
        var defects = new List<PlantedDefect>();
        foreach (var line in System.IO.File.ReadLines(path))
        {
            if (line.Length == 0) continue;
            if (line[0] == '#') defects.Add(new PlantedDefect(line[1..].Trim(), "", "", ""));
            else if (defects.Count == 0) throw new FormatException($"{path}: '{line}' stands before the first name");
            else defects[^1] = defects[^1].With(line);
        }

        return defects;
    }

    /// <summary>The source with the defect behind its switch.</summary>
    /// <param name="source">of its file</param>
    /// <param name="number">of the switch</param>
    /// <exception cref="FormatException">The old text is not there once.</exception>
    public string Plant(string source, int number)
    {
        var first = source.IndexOf(Old, StringComparison.Ordinal);
        if (first < 0 || Old.Length == 0 || source.IndexOf(Old, first + 1, StringComparison.Ordinal) >= 0)
            throw new FormatException(
                $"the defect '{Name}' finds its lines not once in {File}: the list must follow the model");
        var planted = New.Replace(Mark, $"global::{MutatedModel.SwitchName}.Is({number})", StringComparison.Ordinal);
        return source.Replace(Old, planted, StringComparison.Ordinal);
    }

    private PlantedDefect With(string line) => line[0] switch
    {
        '-' => this with { Old = Joined(Old, line) },
        '+' => this with { New = Joined(New, line) },
        _ => this with { File = line.Trim() },
    };

    private static string Joined(string text, string line) => text.Length == 0 ? line[1..].Trim() : text + "\n" + line[1..];
}
