using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Livebed.Mutation;

/// <summary>
/// The model with all its mutations in one assembly, each behind a switch. A change that does not compile is left out, and counted.
/// </summary>
public sealed class MutatedModel
{
    public const string SwitchName = "Livebed.Mutation.Switch";
    internal const string Annotation = "mutation";

    private const int AttemptsMax = 40;

    internal const string SwitchSource = """
        namespace Livebed.Mutation
        {
            public static class Switch
            {
                public static int Active = -1;
                public static bool NotesReached;
                public static bool[] Reached = new bool[1 << 16];
                public static bool Is(int id)
                {
                    if (NotesReached) Reached[id] = true;
                    return id == Active;
                }
            }
        }
        """;

    private readonly string _root;
    private readonly IReadOnlyList<string> _folders;
    private readonly HashSet<string> _excluded = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SyntaxTree> _originals;

    /// <param name="root">the repository</param>
    /// <param name="folders">folders of src/Kvm to mutate</param>
    public MutatedModel(string root, IReadOnlyList<string> folders)
    {
        (_root, _folders) = (root, folders);
        var options = new CSharpParseOptions(LanguageVersion.Latest);
        _originals = Sources(root)
            .ToDictionary(file => file, file => CSharpSyntaxTree.ParseText(File.ReadAllText(file), options, file), StringComparer.Ordinal);
    }

    /// <summary>The files that the model is built of.</summary>
    internal static IEnumerable<string> Sources(string root)
    {
        var kvm = Path.Combine(root, "src", "Kvm");
        return Directory.EnumerateFiles(kvm, "*.cs", SearchOption.AllDirectories)
            .Where(file => !IsBelow(kvm, file, "bin") && (!IsBelow(kvm, file, "obj") || IsGenerated(kvm, file)))
            .Order(StringComparer.Ordinal);
    }

    /// <summary>Those that compile, by number.</summary>
    public IReadOnlyList<Mutation> Mutations { get; private set; } = [];

    /// <summary>Changes that do not compile.</summary>
    public int LeftOut => _excluded.Count;

    /// <summary>Compiles the model with every mutation that can be in it, and says how many those are.</summary>
    /// <inheritdoc cref="Emit(string)"/>
    public static IReadOnlyList<Mutation> Emit(string root, IReadOnlyList<string> folders, string assembly)
    {
        var model = new MutatedModel(root, folders);
        model.Emit(assembly);
        Console.WriteLine($"{model.Mutations.Count} mutations, {model.LeftOut} do not compile");
        return model.Mutations;
    }

    /// <summary>Compiles the model with every mutation that can be in it.</summary>
    /// <exception cref="InvalidOperationException">It does not compile for another reason.</exception>
    public void Emit(string assembly)
    {
        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            var (compilation, rewriters) = Rewrite();
            using var stream = new MemoryStream();
            var result = compilation.Emit(stream);
            if (result.Success)
            {
                Mutations = [.. rewriters.SelectMany(rewriter => rewriter.Mutations).OrderBy(mutation => mutation.Id)];
                File.WriteAllBytes(assembly, stream.ToArray());
                return;
            }

            var before = _excluded.Count;
            foreach (var error in result.Diagnostics.Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error)) Exclude(error);
            if (_excluded.Count == before)
                throw new InvalidOperationException(result.Diagnostics.First(one => one.Severity == DiagnosticSeverity.Error).ToString());
        }

        throw new InvalidOperationException($"the model did not compile in {AttemptsMax} attempts");
    }

    private (CSharpCompilation Compilation, List<MutationRewriter> Rewriters) Rewrite()
    {
        var next = 0;
        var rewriters = new List<MutationRewriter>();
        var trees = new List<SyntaxTree> { CSharpSyntaxTree.ParseText(SwitchSource, new CSharpParseOptions(LanguageVersion.Latest)) };
        foreach (var (file, tree) in _originals)
        {
            if (!_folders.Any(folder => IsBelow(Path.Combine(_root, "src", "Kvm"), file, folder)))
            {
                trees.Add(tree);
                continue;
            }

            var name = Path.GetRelativePath(_root, file).Replace('\\', '/');
            var rewriter = new MutationRewriter(name, _excluded.Contains, () => next++);
            rewriters.Add(rewriter);
            trees.Add(tree.WithRootAndOptions(rewriter.Visit(tree.GetRoot()), tree.Options));
        }

        return (Compilation(trees), rewriters);
    }

    /// <summary>The assembly of the model, of other sources.</summary>
    internal static CSharpCompilation Compilation(IEnumerable<SyntaxTree> trees)
    {
        var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => !Path.GetFileName(path).StartsWith("Livebed.", StringComparison.Ordinal))
            .Select(path => MetadataReference.CreateFromFile(path));
        var options = new CSharpCompilationOptions(
            OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release, allowUnsafe: true,
            nullableContextOptions: NullableContextOptions.Enable);
        return CSharpCompilation.Create("Livebed.Kvm", trees, references, options);
    }

    /// <summary>Leaves out the change that an error is in; if it is in none, those of the member.</summary>
    private void Exclude(Diagnostic error)
    {
        if (error.Location.SourceTree is not { } tree) return;
        var node = tree.GetRoot().FindNode(error.Location.SourceSpan, getInnermostNodeForTie: true);
        var mark = node.AncestorsAndSelf().SelectMany(ancestor => ancestor.GetAnnotations(Annotation)).FirstOrDefault();
        if (mark?.Data is { } key && _excluded.Add(key)) return;
        var member = node.AncestorsAndSelf().OfType<MemberDeclarationSyntax>().FirstOrDefault();
        var inside = member?.DescendantNodes() ?? [];
        List<string> keys = [.. inside.SelectMany(inner => inner.GetAnnotations(Annotation)).Select(one => one.Data!)];
        // A variable without a value: most likely the assignment that may be dropped or put off.
        var statements = keys.Where(one => one.Contains("|drop|", StringComparison.Ordinal) ||
            one.Contains("|swap|", StringComparison.Ordinal));
        var isFew = statements.Any(one => !_excluded.Contains(one));
        foreach (var one in isFew ? statements : keys) _excluded.Add(one);
    }

    private static bool IsBelow(string kvm, string file, string folder) =>
        Path.GetRelativePath(kvm, file).Replace('\\', '/').StartsWith(folder + "/", StringComparison.Ordinal);

    /// <summary>The build's own sources: global usings, and which assemblies see internals.</summary>
    private static bool IsGenerated(string kvm, string file) =>
        IsBelow(kvm, file, "obj/Release/net10.0") && (file.EndsWith(".GlobalUsings.g.cs", StringComparison.Ordinal) ||
            file.EndsWith(".AssemblyInfo.cs", StringComparison.Ordinal));
}
