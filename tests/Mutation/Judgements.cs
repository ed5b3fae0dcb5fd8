namespace Livebed.Mutation;

/// <summary>Survivors that were looked at and change nothing that can be seen: tests/Mutation/equivalent.txt, a key, a tab and the reason
/// on each line.</summary>
public static class Judgements
{
    public static IReadOnlyDictionary<string, string> Read(string repository)
    {
        var file = Path.Combine(repository, "tests", "Mutation", "equivalent.txt");
        return File.ReadLines(file).Where(line => line.Length > 0 && line[0] != '#').Select(line => line.Split('\t', 2))
            .ToDictionary(parts => parts[0], parts => parts[1], StringComparer.Ordinal);
    }
}
