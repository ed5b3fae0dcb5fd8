using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Livebed.Mutation;

/// <summary>The model with defects that a person has planted in it, each behind a switch.</summary>
internal static class PlantedModel
{
    /// <param name="root">the repository</param>
    /// <param name="defects">each has its place in the list as its number</param>
    /// <param name="assembly">file to be written</param>
    /// <returns>the defects as changes of the model, by number</returns>
    /// <exception cref="FormatException">A defect does not fit the model's source.</exception>
    /// <exception cref="InvalidOperationException">It does not compile.</exception>
    public static IReadOnlyList<Mutation> Emit(string root, IReadOnlyList<PlantedDefect> defects, string assembly)
    {
        var options = new CSharpParseOptions(LanguageVersion.Latest);
        var kvm = Path.Combine(root, "src", "Kvm");
        var trees = MutatedModel.Sources(root).Select(file =>
        {
            var source = File.ReadAllText(file);
            for (var number = 0; number < defects.Count; number++)
                if (Path.Combine(kvm, defects[number].File) == file) source = defects[number].Plant(source, number);
            return CSharpSyntaxTree.ParseText(source, options, file);
        });
        var compilation = MutatedModel.Compilation([CSharpSyntaxTree.ParseText(MutatedModel.SwitchSource, options), .. trees]);
        using var stream = File.Create(assembly);
        var result = compilation.Emit(stream);
        if (!result.Success)
            throw new InvalidOperationException(result.Diagnostics.First(one => one.Severity == DiagnosticSeverity.Error).ToString());
        return [.. defects.Select((defect, number) =>
            new Mutation(number, "planted", $"src/Kvm/{defect.File}", 0, "", defect.Name) {
                Key = $"src/Kvm/{defect.File}|{defect.Name}",
            })];
    }
}
